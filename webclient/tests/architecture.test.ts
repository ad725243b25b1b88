import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const SRC = resolve(import.meta.dirname, "../src");
/** From the ground up; a floor may use itself and those below. */
const FLOORS = ["embedding", "protocol", "conference", "ui"];

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function floorOf(path: string): number {
  return FLOORS.indexOf(relative(SRC, path).split("/")[0]!);
}

function imports(path: string): string[] {
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) =>
    resolve(dirname(path), match[1]!),
  );
}

test("every file stands on one of the floors", () => {
  const homeless = sources(SRC).filter((path) => floorOf(path) < 0);
  expect(homeless).toEqual([]);
});

test("imports only go downwards", () => {
  const upward = sources(SRC).flatMap((path) =>
    imports(path)
      .filter((target) => floorOf(target) > floorOf(path))
      .map((target) => `${relative(SRC, path)} -> ${relative(SRC, target)}`),
  );
  expect(upward).toEqual([]);
});

test("only the ui knows the DOM library", () => {
  const strangers = sources(SRC).filter(
    (path) =>
      floorOf(path) < FLOORS.indexOf("ui") &&
      /from "preact|@preact/.test(readFileSync(path, "utf8")),
  );
  expect(strangers).toEqual([]);
});

test("nothing imports in a circle", () => {
  const files = new Set(sources(SRC));
  const find = (target: string): string | undefined =>
    [target, `${target}.ts`, `${target}.tsx`].find((path) => files.has(path));
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      circles.push(
        [...trail.slice(trail.indexOf(path)), path].map((each) => relative(SRC, each)).join(" -> "),
      );
      return;
    }
    if (done.has(path)) return;
    for (const target of imports(path)) {
      const found = find(target);
      if (found) walk(found, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of files) walk(path, []);
  expect(circles).toEqual([]);
});

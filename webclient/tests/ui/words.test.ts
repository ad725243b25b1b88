import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { PICTURE_REASONS } from "../../src/protocol/bridge-channel";
import en from "../../src/ui/i18n/en.json";
import es from "../../src/ui/i18n/es.json";
import fr from "../../src/ui/i18n/fr.json";
import it from "../../src/ui/i18n/it.json";
import { CAUSES } from "../../src/ui/meeting/why";

const LANGUAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = { en, es, fr, it };
const SRC = resolve(import.meta.dirname, "../../src");

function placeholders(words: string): string[] {
  return [...words.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]!).sort();
}

describe.each(Object.keys(LANGUAGES))("%s", (language) => {
  const words = LANGUAGES[language]!;

  test("has every key and no other", () => {
    expect(Object.keys(words).sort()).toEqual(Object.keys(en).sort());
  });

  test("says something for each, with the same values in it", () => {
    for (const [key, text] of Object.entries(words)) {
      expect(text.trim(), key).not.toBe("");
      expect(placeholders(text), key).toEqual(placeholders(LANGUAGES.en![key]!));
    }
  });

  test("has no exclamation marks", () => {
    expect(Object.values(words).filter((text) => /[!¡]/.test(text))).toEqual([]);
  });
});

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return /\.tsx?$/.test(path) ? [path] : [];
  });
}

const CODE = files(SRC)
  .map((path) => readFileSync(path, "utf8"))
  .join("\n");

/** The key as code names it: which plural form is meant is the language's business. */
function base(key: string): string {
  return key.replace(/_(zero|one|two|few|many|other)$/, "");
}

test("no word stands unused", () => {
  // Keys made from a state: `card.path.${state}`.
  const made = [...CODE.matchAll(/`([a-z][\w-]*\.(?:[\w-]+\.)*[\w-]*)\$\{/gi)].map(
    (each) => each[1]!,
  );
  const unused = Object.keys(en).filter(
    (key) =>
      !CODE.includes(`"${key}"`) &&
      !CODE.includes(`"${base(key)}"`) &&
      !made.some((prefix) => key.startsWith(prefix)) &&
      key !== "language.name",
  );
  expect(unused).toEqual([]);
});

test("no word is missing", () => {
  const bases = new Set(Object.keys(en).flatMap((key) => [key, base(key)]));
  const asked = [...CODE.matchAll(/\bt\(\s*"([^"]+)"/g)].map((each) => each[1]!);
  expect(asked.length).toBeGreaterThan(100);
  expect(asked.filter((key) => !bases.has(key))).toEqual([]);
});

test("plural forms come together", () => {
  const counted = Object.keys(en).filter((key) => base(key) !== key);
  for (const key of counted) {
    expect(en, key).toHaveProperty([`${base(key)}_one`]);
    expect(en, key).toHaveProperty([`${base(key)}_other`]);
  }
});

test("every notice, every problem and every reason has its sentence", () => {
  const state = readFileSync(join(SRC, "conference/state/conference.ts"), "utf8");
  const notices = readFileSync(join(SRC, "conference/state/notices.ts"), "utf8");
  const union = (name: string, text = state): string[] =>
    [...new RegExp(`export type ${name} =([^;]+);`).exec(text)![1]!.matchAll(/"([^"]+)"/g)].map(
      (match) => match[1]!,
    );
  for (const reason of PICTURE_REASONS) {
    const kind = CAUSES.some((cause) => cause === reason) ? "why" : "picture";
    expect(en).toHaveProperty([`${kind}.${reason}`]);
  }
  for (const cause of CAUSES) expect(en).toHaveProperty([`why.${cause}.hint`]);
  for (const kind of union("NoticeKind", notices)) expect(en).toHaveProperty([`notice.${kind}`]);
  for (const problem of union("Problem")) {
    expect(en).toHaveProperty([`error.${problem}.title`]);
    expect(en).toHaveProperty([`error.${problem}.detail`]);
  }
});

import { describe, expect, test } from "vitest";
import {
  type Arrangement,
  arrangeBeside,
  arrangeStage,
  arrangeTiles,
  MORE_HEIGHT,
  type Rect,
  wantedHeight,
} from "../../src/ui/meeting/arrangement";

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}`);

function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** One `expect` for all: there are thousands of pairs. */
function check(arrangement: Arrangement, width: number, height: number): void {
  const rects = Object.values(arrangement.rects);
  const outside = rects.filter(
    (rect) =>
      !(rect.x >= 0 && rect.y >= 0) ||
      !(rect.x + rect.width <= width && rect.y + rect.height <= height),
  );
  const overlapping = rects.flatMap((rect, index) =>
    rects.slice(index + 1).flatMap((other) => (overlaps(rect, other) ? [[rect, other]] : [])),
  );
  expect({ outside, overlapping }).toEqual({ outside: [], overlapping: [] });
}

const SIZES = [
  [344, 620],
  [1264, 668],
  [1904, 948],
  [2544, 1308],
  [700, 300],
] as const;

describe.each(SIZES)("in %d x %d", (width, height) => {
  test.each([1, 2, 3, 5, 9, 16, 25, 30])("%d tiles fit and do not overlap", (count) => {
    const arrangement = arrangeTiles(ids(count), width, height);
    check(arrangement, width, height);
    expect(Object.keys(arrangement.rects).length + arrangement.hidden.length).toBe(count);
    expect(Object.keys(arrangement.rects).length).toBeLessThanOrEqual(25);
  });

  test.each([0, 1, 4, 29])("a stage with %d others", (count) => {
    const arrangement = arrangeStage(["s"], ids(count), width, height);
    check(arrangement, width, height);
    const { s: stage, ...strip } = arrangement.rects;
    for (const rect of Object.values(strip)) {
      expect(stage!.width * stage!.height).toBeGreaterThan(rect.width * rect.height);
    }
  });

  test.each([0, 1, 4, 29])("two screens with %d others have the same size", (count) => {
    const arrangement = arrangeStage(["s", "t"], ids(count), width, height);
    check(arrangement, width, height);
    const { s: one, t: other } = arrangement.rects;
    expect([other!.width, other!.height]).toEqual([one!.width, one!.height]);
  });

  test.each([0, 1, 4, 29])("a presentation beside %d people, who all have a page", (count) => {
    const seen = new Set<string>();
    const { pages } = arrangeBeside(["s"], ids(count), width, height);
    for (let page = 0; page < pages; page++) {
      const arrangement = arrangeBeside(["s"], ids(count), width, height, page);
      check(arrangement, width, height);
      for (const id of Object.keys(arrangement.rects)) seen.add(id);
    }
    expect(seen.size).toBe(count + 1);
  });
});

test("every page shows somebody, and everybody has a page", () => {
  const all = ids(30);
  const { pages } = arrangeTiles(all, 1264, 668);
  const seen = Array.from({ length: pages }, (_, page) =>
    Object.keys(arrangeTiles(all, 1264, 668, page).rects),
  );
  expect(seen.flat().sort()).toEqual([...all].sort());
});

test("turning the page changes no sizes", () => {
  const first = arrangeTiles(ids(30), 1904, 948, 0);
  const second = arrangeTiles(ids(30), 1904, 948, 1);
  expect(second.rects.p29?.width).toBe(first.rects.p0?.width);
});

test("below a strip at the side there is room for how many more there are", () => {
  const { rects, hidden } = arrangeStage(["s"], ids(9), 1264, 588);
  const lowest = Math.max(...ids(9).map((id) => (rects[id] ? rects[id].y + rects[id].height : 0)));
  expect(hidden).toHaveLength(6);
  expect(588 - lowest).toBeGreaterThanOrEqual(8 + MORE_HEIGHT);
});

test("the strip always has a place for oneself, who is last", () => {
  const { rects, hidden } = arrangeStage(["s"], ids(9), 344, 620, { maxInStrip: 2 });
  expect(Object.keys(rects).sort()).toEqual(["p0", "p8", "s"]);
  expect(hidden).toHaveLength(7);
});

test("only what is seen large is received large", () => {
  const rect = (height: number): Rect => ({ x: 0, y: 0, width: (height * 16) / 9, height });
  expect(wantedHeight(rect(150), 1)).toBe(180);
  expect(wantedHeight(rect(150), 2)).toBe(360);
  expect(wantedHeight(rect(350), 1)).toBe(360);
  expect(wantedHeight(rect(600), 1)).toBe(720);
});

test("a tile that shows only the middle of a picture needs all of its lines", () => {
  expect(wantedHeight({ x: 0, y: 0, width: 640, height: 120 }, 1)).toBe(360);
});

/** Small and repeatable; the sequence is that of Numerical Recipes' linear congruence. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

test("whatever the window and however many there are, nothing overlaps or sticks out", () => {
  const random = randomFrom(4);
  for (let round = 0; round < 100; round++) {
    const width = 160 + Math.floor(random() * 3000);
    const height = 160 + Math.floor(random() * 1600);
    const people = ids(1 + Math.floor(random() * 80));
    const stages = random() < 0.5 ? ["s"] : ["s", "t"];
    const page = Math.floor(random() * 3);
    check(arrangeTiles(people, width, height, page), width, height);
    check(arrangeStage(stages, people, width, height), width, height);
    check(arrangeBeside(stages, people, width, height, page), width, height);
  }
});

test("whoever comes last moves nobody to another place in the order", () => {
  const order = (count: number): string[] =>
    Object.entries(arrangeTiles(ids(count), 1264, 668).rects)
      .sort(([, a], [, b]) => a.y - b.y || a.x - b.x)
      .map(([id]) => id);
  for (let count = 1; count < 20; count++)
    expect(order(count + 1).slice(0, -1)).toEqual(order(count));
});

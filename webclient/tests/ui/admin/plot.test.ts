import { describe, expect, test } from "vitest";
import { bars, GAP_MS, hoursShown, path, topOf } from "../../../src/ui/admin/plot";

const BOX = { width: 100, height: 50 };
const MINUTE = 60_000;

describe("the top of an axis", () => {
  test.each([
    [0, 1, 1],
    [1, 1, 1],
    [3, 1, 5],
    [5, 5, 5],
    [6, 5, 10],
    [11, 1, 20],
    [999, 5, 1000],
    [1001, 5, 2000],
  ])("for %d, at least %d, is %d", (highest, least, top) => {
    expect(topOf(highest, least)).toBe(top);
  });
});

describe("a line", () => {
  test("runs from left to right, the highest on top", () => {
    const samples = [0, 1, 2].map((n) => [n * MINUTE, n * 5] as const);
    expect(path(samples, 0, 2 * MINUTE, 10, BOX)).toBe("M0.0 50.0L50.0 25.0L100.0 0.0");
  });

  test("is broken where the server did not run, and leaves out what is too old", () => {
    const samples = [
      [0, 9],
      [10 * MINUTE, 1],
      [10 * MINUTE + GAP_MS + 1, 1],
    ] as const;
    expect(path(samples, 5 * MINUTE, 20 * MINUTE, 1, BOX).match(/M/g)).toHaveLength(2);
  });

  test("never leaves its box", () => {
    expect(path([[0, 99]], 0, 1, 10, BOX)).toBe("M0.0 0.0");
  });
});

test("whole hours of what there is are shown, one to twenty-four", () => {
  expect(hoursShown([], 5)).toBe(1);
  expect(hoursShown([[0, 1]], 61 * MINUTE)).toBe(2);
  expect(hoursShown([[0, 1]], 90 * 3_600_000)).toBe(24);
});

test("bars stand on the ground, and what is more than nothing can be seen", () => {
  const [none, little, full] = bars([0, 0.001, 10], 10, BOX);
  expect(none!.height).toBe(0);
  expect(little).toMatchObject({ height: 2, y: 48 });
  expect(full).toMatchObject({ height: 50, y: 0 });
});

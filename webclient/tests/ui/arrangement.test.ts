import { describe, expect, test } from "vitest";
import { type Conference, initialConference } from "../../src/conference/state";
import {
  type Arrangement,
  arrangeStage,
  arrangeTiles,
  type Rect,
  wantedHeight,
} from "../../src/ui/meeting/arrangement";
import { stageOf, tilesFor } from "../../src/ui/meeting/tiles";

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}`);

function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function check(arrangement: Arrangement, width: number, height: number): void {
  const rects = Object.values(arrangement.rects);
  for (const rect of rects) {
    expect(rect.x).toBeGreaterThanOrEqual(0);
    expect(rect.y).toBeGreaterThanOrEqual(0);
    expect(rect.x + rect.width).toBeLessThanOrEqual(width);
    expect(rect.y + rect.height).toBeLessThanOrEqual(height);
  }
  rects.forEach((rect, index) => {
    for (const other of rects.slice(index + 1)) expect(overlaps(rect, other)).toBe(false);
  });
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
    const arrangement = arrangeStage("s", ids(count), width, height);
    check(arrangement, width, height);
    const { s: stage, ...strip } = arrangement.rects;
    for (const rect of Object.values(strip)) {
      expect(stage!.width * stage!.height).toBeGreaterThan(rect.width * rect.height);
    }
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

test("the strip always has a place for oneself, who is last", () => {
  const { rects, hidden } = arrangeStage("s", ids(9), 344, 620, { maxInStrip: 2 });
  expect(Object.keys(rects).sort()).toEqual(["p0", "p8", "s"]);
  expect(hidden).toHaveLength(7);
});

test("only what is seen large is received large", () => {
  const rect = (height: number): Rect => ({ x: 0, y: 0, width: (height * 16) / 9, height });
  expect(wantedHeight(rect(150), 1, false)).toBe(180);
  expect(wantedHeight(rect(150), 2, false)).toBe(360);
  expect(wantedHeight(rect(350), 1, false)).toBe(360);
  expect(wantedHeight(rect(600), 1, false)).toBe(720);
  expect(wantedHeight(rect(150), 1, true)).toBe(720);
});

describe("who is shown", () => {
  const person = (id: string, extra: Conference["participants"][number]["sources"] = {}) => ({
    id,
    displayName: id,
    isModerator: false,
    raisedHandAt: null,
    isReachable: true,
    sources: { [`${id}-v0`]: { muted: false, videoType: "camera" as const }, ...extra },
  });
  const screen = { muted: false, videoType: "desktop" as const };
  const state: Conference = {
    ...initialConference,
    ownId: "me",
    local: { microphone: "on", camera: "on", share: "on", shareHasSound: false },
    participants: [person("aa"), person("bb", { "bb-v1": screen })],
  };

  test("people as they came, a screen before its owner, oneself last", () => {
    expect(tilesFor(state).map((tile) => tile.id)).toEqual([
      "aa-v0",
      "bb-v1",
      "bb-v0",
      "me-v1",
      "me-v0",
    ]);
  });

  test("a source nobody listed counts as muted", () => {
    expect(tilesFor(state)[0]).toMatchObject({ isAudioMuted: true, isVideoMuted: false });
  });

  test("a screen in place of a camera is one tile", () => {
    const only = { ...state, participants: [person("cc", { "cc-v0": screen })] };
    expect(tilesFor(only).filter((tile) => tile.endpoint === "cc")).toMatchObject([
      { id: "cc-v0", isScreen: true },
    ]);
  });

  test("the stage: what was pinned, then the newest screen, then the speaker if wished", () => {
    const tiles = tilesFor(state);
    const wish = { pinned: null, followsSpeaker: false };
    expect(stageOf(tiles, null, { ...wish, pinned: "aa-v0" })).toBe("aa-v0");
    expect(stageOf(tiles, "aa", { ...wish, pinned: "gone-v0" })).toBe("bb-v1");
    const quiet = tilesFor({ ...state, participants: [person("aa"), person("bb")] });
    expect(stageOf(quiet, "bb", wish)).toBeNull();
    expect(stageOf(quiet, "bb", { ...wish, followsSpeaker: true })).toBe("bb-v0");
    expect(stageOf(quiet, null, { ...wish, followsSpeaker: true })).toBe("aa-v0");
  });

  test("one's own screen never takes one's own stage", () => {
    const alone = tilesFor({ ...state, participants: [] });
    expect(stageOf(alone, null, { pinned: null, followsSpeaker: true })).toBeNull();
  });
});

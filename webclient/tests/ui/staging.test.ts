import { describe, expect, test } from "vitest";
import { apply, type Conference, initialConference, spotlightOf } from "../../src/conference/state";
import { constraintsFor, type Seen } from "../../src/ui/meeting/receiving";
import { shownOf, stagesOf, type View, withPin } from "../../src/ui/meeting/staging";
import { layoutOf } from "../../src/ui/meeting/tile-layout";
import { tilesFor } from "../../src/ui/meeting/tiles";

type Sources = Conference["participants"][number]["sources"];

const person = (id: string, extra: Sources = {}, muted = false) => ({
  id,
  displayName: id,
  realJid: "",
  isModerator: false,
  raisedHandAt: null,
  isReachable: true,
  sources: { [`${id}-v0`]: { muted, videoType: "camera" as const }, ...extra },
});
const screen = { muted: false, videoType: "desktop" as const };
const state: Conference = {
  ...initialConference,
  ownId: "me",
  local: { microphone: "on", camera: "on", share: "on", shareHasSound: false },
  participants: [person("aa"), person("bb", { "bb-v1": screen })],
};
const plain: View = { layout: "auto", pinned: [], hidesSelf: false, hidesWithoutVideo: false };

describe("who may be shown", () => {
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

  test("one's own picture may be hidden, but not while alone", () => {
    const view = { ...plain, hidesSelf: true };
    const ids = (one: Conference) => shownOf(tilesFor(one), view, []).tiles.map((tile) => tile.id);
    expect(ids(state)).not.toContain("me-v0");
    expect(ids({ ...state, participants: [] })).toContain("me-v0");
  });

  test("people without video may be hidden, but not from the stage, and they are counted", () => {
    const quiet = { ...state, participants: [person("aa"), person("bb", {}, true)] };
    const view = { ...plain, hidesWithoutVideo: true };
    const { tiles, withoutVideo } = shownOf(tilesFor(quiet), view, []);
    expect(tiles.map((tile) => tile.endpoint)).not.toContain("bb");
    expect(withoutVideo).toBe(1);
    expect(shownOf(tilesFor(quiet), view, ["bb-v0"]).withoutVideo).toBe(0);
  });
});

describe("who is large", () => {
  const tiles = tilesFor(state);
  const quiet = tilesFor({ ...state, participants: [person("aa"), person("bb")] });
  const wish = { layout: "auto", pinned: [], spotlight: null } as const;

  test("what was pinned stands above everything", () => {
    const spotlight = { onStage: ["bb"], isGrid: false };
    expect(stagesOf(tiles, null, { ...wish, pinned: ["aa-v0"], spotlight })).toEqual(["aa-v0"]);
    expect(stagesOf(tiles, "aa", { ...wish, pinned: ["gone-v0"] })).toEqual(["bb-v1"]);
  });

  test("then what a moderator shows to all: a person by the endpoint, a screen by its source", () => {
    const lit = (...onStage: string[]) =>
      stagesOf(tiles, null, { ...wish, spotlight: { onStage, isGrid: false } });
    expect(lit("aa")).toEqual(["aa-v0"]);
    expect(lit("bb-v1", "aa")).toEqual(["aa-v0", "bb-v1"]);
    expect(lit("gone")).toEqual(["bb-v1"]);
    expect(stagesOf(tiles, null, { ...wish, spotlight: { onStage: [], isGrid: true } })).toEqual(
      [],
    );
  });

  test("then the screens, then the speaker if wished", () => {
    const speaker = { ...wish, layout: "speaker" } as const;
    expect(stagesOf(quiet, "bb", wish)).toEqual([]);
    expect(stagesOf(quiet, "bb", speaker)).toEqual(["bb-v0"]);
    expect(stagesOf(quiet, null, speaker)).toEqual(["aa-v0"]);
    expect(stagesOf(tiles, "aa", speaker)).toEqual(["bb-v1"]);
    expect(stagesOf(tiles, "aa", { ...wish, layout: "grid" })).toEqual([]);
  });

  test("two screens are large side by side", () => {
    const two = {
      ...state,
      participants: [person("aa", { "aa-v1": screen }), ...state.participants],
    };
    expect(stagesOf(tilesFor(two), null, wish)).toEqual(["aa-v1", "bb-v1"]);
  });

  test("one's own screen never takes one's own stage by itself", () => {
    const alone = tilesFor({ ...state, participants: [] });
    expect(stagesOf(alone, null, { ...wish, layout: "speaker" })).toEqual([]);
  });

  test("the third pin takes the place of the oldest, a second press takes a pin away", () => {
    const three = ["a", "b", "c"].reduce(withPin, plain);
    expect(three.pinned).toEqual(["b", "c"]);
    expect(withPin(three, "b").pinned).toEqual(["c"]);
  });
});

describe("the spotlight", () => {
  const lit = { onStage: ["aa"], isGrid: false };

  test("counts only when a moderator sends it", () => {
    const withLead = (isModerator: boolean) =>
      spotlightOf({ ...state, participants: [{ ...person("bb"), isModerator, spotlight: lit }] });
    expect(withLead(false)).toBeNull();
    expect(withLead(true)).toEqual(lit);
  });

  test("ends with the right to it", () => {
    const leading = { ...state, isModerator: true, ownSpotlight: lit };
    const now = apply(leading, { kind: "own-role-changed", isModerator: false, at: 1 });
    expect(spotlightOf(now)).toBeNull();
  });
});

describe("what is received", () => {
  const layout = layoutOf(state, plain, { width: 1264, height: 668 }, 0);
  const seen: Seen = {
    tiles: layout.all,
    rects: layout.arrangement.rects,
    stages: layout.stages,
    pixelRatio: 1,
    isPageVisible: true,
    poppedOut: null,
    lastN: -1,
  };

  test("others, as large as they are seen, and a screen on the stage in full", () => {
    expect(constraintsFor(seen)).toMatchObject({
      onStageSources: ["bb-v1"],
      maxHeights: { "aa-v0": 180, "bb-v0": 180, "bb-v1": 2160 },
    });
  });

  test("less, the more there are beside them, and the smaller the window is", () => {
    const wantedOf = (people: number, width: number, height: number): number[] => {
      const participants = Array.from({ length: people }, (_, index) => person(`p${index}`));
      const local = { ...state.local, share: "off" as const };
      const grid = layoutOf({ ...state, local, participants }, plain, { width, height }, 0);
      const { rects } = grid.arrangement;
      const { maxHeights } = constraintsFor({ ...seen, tiles: grid.all, rects, stages: [] });
      return [...new Set(Object.values(maxHeights))].sort((a, b) => b - a);
    };
    expect(wantedOf(1, 1904, 968)).toEqual([720]);
    expect(wantedOf(1, 1264, 668)).toEqual([360]);
    expect(wantedOf(9, 1264, 668)).toEqual([180]);
    // Of the others on further pages nothing.
    expect(wantedOf(40, 1264, 668)).toEqual([180, 0]);
  });

  test("nothing of whom nobody sees", () => {
    const hidden = { ...seen, rects: {} };
    expect(Object.values(constraintsFor(hidden).maxHeights)).toEqual([0, 0, 0]);
    const minimised = constraintsFor({ ...seen, isPageVisible: false });
    expect(Object.values(minimised.maxHeights)).toEqual([0, 0, 0]);
    expect(minimised.defaultMaxHeight).toBe(0);
    expect(minimised.onStageSources).toEqual([]);
  });

  test("what stands in a window of its own also while the page is out of sight", () => {
    const aside = constraintsFor({ ...seen, isPageVisible: false, poppedOut: "aa-v0" });
    expect(aside.maxHeights).toEqual({ "aa-v0": 360, "bb-v0": 0, "bb-v1": 0 });
  });

  test("those on the other pages of the grid are not received", () => {
    const participants = Array.from({ length: 40 }, (_, index) => person(`p${index}`));
    const crowd = layoutOf({ ...state, participants }, plain, { width: 1264, height: 668 }, 0);
    const { maxHeights } = constraintsFor({
      ...seen,
      tiles: crowd.all,
      rects: crowd.arrangement.rects,
      stages: crowd.stages,
    });
    const wanted = Object.values(maxHeights).filter((height) => height > 0);
    expect(wanted).toHaveLength(25);
  });
});

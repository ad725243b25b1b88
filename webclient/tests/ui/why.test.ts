import { describe, expect, test } from "vitest";
import { type Conference, initialConference } from "../../src/conference/state";
import { noHealth } from "../../src/conference/state/media";
import { tilesFor } from "../../src/ui/meeting/tiles";
import { type Cause, type Figures, signOf, whyBad } from "../../src/ui/meeting/why";

const path = {
  path: "bridge" as const,
  transport: "udp",
  remoteAddress: "",
  roundTripMs: 40,
  uploadKbps: 900,
  downloadKbps: 900,
  lossPercent: 0,
};
const others: Figures = {
  isLocal: false,
  reason: undefined,
  lossPercent: 0,
  path,
  health: noHealth,
  isSendingVideo: true,
};
const own: Figures = { ...others, isLocal: true };

const health = (change: Partial<typeof noHealth>) => ({ health: { ...noHealth, ...change } });
const over = (change: Partial<typeof path>) => ({ path: { ...path, ...change } });

describe("somebody else", () => {
  test.each<[string, Partial<Figures>, Cause | null]>([
    ["all is well", {}, null],
    ["nothing is measured yet", { path: null }, null],
    ["the bridge says their line is weak", { reason: "their-uplink" }, "their-uplink"],
    ["the bridge says ours is", { reason: "your-downlink" }, "your-downlink"],
    ["the bridge is busy", { reason: "bridge-busy" }, "bridge-busy"],
    ["as people chose", { reason: "asked-smaller" }, null],
    ["a little is lost", { lossPercent: 2, ...over({ lossPercent: 2 }) }, null],
    ["only theirs is lost", { lossPercent: 5 }, "their-uplink"],
    ["everybody's is lost", { lossPercent: 5, ...over({ lossPercent: 4 }) }, "your-downlink"],
    [
      "everybody's is lost over TCP",
      { lossPercent: 5, ...over({ lossPercent: 4, transport: "tcp" }) },
      "over-tcp",
    ],
    ["TCP that works", over({ transport: "tcp" }), null],
    ["late over a relay by TCP", over({ roundTripMs: 400, transport: "relay/tcp" }), "over-tcp"],
    ["late", over({ roundTripMs: 400 }), "far-away"],
    ["decoding takes a core", health({ decodeLoad: 0.9 }), "your-processor"],
    ["pictures come too late to be shown", health({ droppedShare: 0.3 }), "your-processor"],
    ["the page does not answer", health({ blockedShare: 0.4 }), "your-processor"],
    [
      "what the bridge knows is certain",
      { reason: "their-uplink", ...health({ decodeLoad: 1 }) },
      "their-uplink",
    ],
    ["our encoder says nothing about them", health({ limitedByProcessor: 1 }), null],
  ])("%s", (_, change, cause) => {
    expect(whyBad({ ...others, ...change })).toBe(cause);
  });
});

describe("oneself", () => {
  test.each<[string, Partial<Figures>, Cause | null]>([
    ["all is well", {}, null],
    ["the encoder lacks the processor", health({ limitedByProcessor: 0.7 }), "your-processor"],
    [
      "it lacks it, but nothing is sent",
      { isSendingVideo: false, ...health({ limitedByProcessor: 0.7 }) },
      null,
    ],
    [
      "the start, when the estimate still grows",
      health({ limitedByBandwidth: 0.9, availableUploadKbps: 900 }),
      null,
    ],
    ["a narrow line", health({ limitedByBandwidth: 0.9, availableUploadKbps: 150 }), "your-uplink"],
    ["what we send is lost", health({ uploadLossPercent: 6 }), "your-uplink"],
    [
      "what we send is lost over TCP",
      { ...health({ uploadLossPercent: 6 }), ...over({ transport: "tcp" }) },
      "over-tcp",
    ],
    ["late", over({ roundTripMs: 350 }), "far-away"],
  ])("%s", (_, change, cause) => {
    expect(whyBad({ ...own, ...change })).toBe(cause);
  });
});

describe("the sign on a tile", () => {
  const state: Conference = {
    ...initialConference,
    ownId: "me",
    participants: ["aa", "bb"].map((id) => ({
      id,
      displayName: id,
      isModerator: false,
      raisedHandAt: null,
      isReachable: true,
      sources: { [`${id}-v0`]: { muted: false, videoType: "camera" as const } },
    })) as unknown as Conference["participants"],
    stats: { path: { ...path, lossPercent: 9 }, sources: {}, health: noHealth },
  };

  test("what is about oneself stands on one's own tile only", () => {
    expect(tilesFor(state).map((tile) => signOf(state, tile))).toEqual([
      null,
      null,
      "your-downlink",
    ]);
  });

  test("what is about one of them stands there", () => {
    const one = { ...state, pictureReasons: { "aa-v0": "their-uplink" as const } };
    expect(tilesFor(one).map((tile) => signOf(one, tile))[0]).toBe("their-uplink");
  });
});

// @vitest-environment happy-dom
import { beforeAll, expect, test } from "vitest";
import { type Conference, initialConference } from "../../src/conference/state";
import { noHealth } from "../../src/conference/state/media";
import { startLanguage } from "../../src/ui/language";
import { rowsOf } from "../../src/ui/meeting/connection-rows";
import { tilesFor } from "../../src/ui/meeting/tiles";

beforeAll(startLanguage);

const path = {
  path: "bridge" as const,
  transport: "relay/tcp",
  remoteAddress: "192.0.2.7:10000",
  roundTripMs: 42,
  uploadKbps: 0,
  downloadKbps: 0,
  lossPercent: 0,
};
const video = {
  bitrateKbps: 640,
  lossPercent: 1.5,
  codec: "VP8",
  width: 640,
  height: 360,
  framesPerSecond: 30,
};
const audio = { ...video, bitrateKbps: 32, lossPercent: 0, codec: "opus", width: 0, height: 0 };
const state: Conference = {
  ...initialConference,
  ownId: "me",
  mediaPath: "bridge",
  participants: [
    {
      id: "aa",
      displayName: "Ana",
      realJid: "",
      isModerator: false,
      raisedHandAt: null,
      isReachable: true,
      sources: { "aa-v0": { muted: false, videoType: "camera" } },
    },
  ],
  stats: { path, region: "eu-1", health: noHealth, sources: { "aa-v0": video, "aa-a0": audio } },
};
const shown = (of: Conference): Record<string, string> =>
  Object.fromEntries(
    rowsOf(of, tilesFor(of)[0]!, 0).map(({ name, value }) => [name, value.replace(/\s/g, " ")]),
  );

test("over the bridge: everything from the bitrate to where the server is", () => {
  expect(shown(state)).toEqual({
    Bitrate: "video 640 kbit/s, sound 32 kbit/s",
    "Packet loss": "1.5%",
    Resolution: "640 × 360, 30 fps",
    Codec: "VP8, opus",
    Path: "through the bridge",
    "Server region": "eu-1",
    Transport: "relay/tcp",
    "Round trip": "42 ms",
    "Other end": "192.0.2.7:10000",
  });
});

test("directly: said so, and no server", () => {
  const stats = { ...state.stats, region: "" };
  const rows = shown({ ...state, mediaPath: "p2p", stats });
  expect(rows.Path).toBe("direct (p2p)");
  expect(rows).not.toHaveProperty("Server region");
});

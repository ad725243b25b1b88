import { describe, expect, test } from "vitest";
import { isLayerWanted } from "../../src/conference/encodings";
import { p2pWish } from "../../src/conference/p2p-rule";
import {
  nothingMeasured,
  qualityPercent,
  type Report,
  summarize,
} from "../../src/conference/statistics";

describe("two people talk directly", () => {
  const base = { ownId: "22222222", isEnabled: true };

  test("the smaller id starts", () => {
    expect(p2pWish({ ...base, others: [{ id: "33333333", isBot: false }] })).toEqual({
      kind: "with",
      peer: "33333333",
      starts: true,
    });
    expect(p2pWish({ ...base, others: [{ id: "11111111", isBot: false }] })).toMatchObject({
      starts: false,
    });
  });

  test("never alone, with three, with a service, or when it is switched off", () => {
    const other = { id: "33333333", isBot: false };
    expect(p2pWish({ ...base, others: [] }).kind).toBe("none");
    expect(p2pWish({ ...base, others: [other, { ...other, id: "44444444" }] }).kind).toBe("none");
    expect(p2pWish({ ...base, others: [{ ...other, isBot: true }] }).kind).toBe("none");
    expect(p2pWish({ ...base, isEnabled: false, others: [other] }).kind).toBe("none");
  });
});

test.each([
  [Number.POSITIVE_INFINITY, [true, true, true]],
  [720, [true, true, true]],
  [360, [true, true, false]],
  [-1, [true, true, true]],
  [180, [true, false, false]],
  [0, [false, false, false]],
])("somebody wants %d lines", (maxHeight, layers) => {
  expect([0, 1, 2].map((layer) => isLayerWanted(layer, maxHeight))).toEqual(layers);
});

describe("the figures of the connection card", () => {
  const reports = (received: number, lost: number): Report[] => [
    { id: "codec", type: "codec", mimeType: "video/VP8" },
    {
      id: "in",
      type: "inbound-rtp",
      ssrc: 33,
      codecId: "codec",
      bytesReceived: received * 1000,
      packetsReceived: received,
      packetsLost: lost,
      frameWidth: 640,
      frameHeight: 360,
      framesPerSecond: 24.6,
    },
    { id: "in2", type: "inbound-rtp", ssrc: 99, bytesReceived: 1, packetsReceived: 1 },
    { id: "t", type: "transport", selectedCandidatePairId: "pair" },
    {
      id: "pair",
      type: "candidate-pair",
      localCandidateId: "l",
      remoteCandidateId: "r",
      currentRoundTripTime: 0.042,
      bytesSent: received * 10,
      bytesReceived: received * 1000,
    },
    { id: "l", type: "local-candidate", candidateType: "host", protocol: "udp" },
    { id: "r", type: "remote-candidate", address: "192.0.2.10", port: 10000 },
  ];
  const nameOf = (ssrc: number): string | undefined => (ssrc === 33 ? "bb-v0" : undefined);

  test("are rates between two looks", () => {
    const first = summarize(reports(100, 0), nothingMeasured, 1000, "bridge", nameOf);
    const { stats } = summarize(reports(190, 10), first.measured, 3000, "bridge", nameOf);
    expect(stats.sources).toEqual({
      "bb-v0": {
        bitrateKbps: 360,
        lossPercent: 4, // of 10, the first time it is seen
        codec: "VP8",
        width: 640,
        height: 360,
        framesPerSecond: 25,
      },
    });
    expect(stats.path).toEqual({
      path: "bridge",
      transport: "udp",
      remoteAddress: "192.0.2.10:10000",
      roundTripMs: 42,
      uploadKbps: 4,
      downloadKbps: 360,
      lossPercent: 4, // of 10, the first time it is seen
    });
  });

  test("start at nothing, not at everything since the beginning", () => {
    const { stats } = summarize(reports(100, 5), nothingMeasured, 1000, "p2p", nameOf);
    expect(stats.sources["bb-v0"]).toMatchObject({ bitrateKbps: 0, lossPercent: 0 });
  });

  test("of several layers show the largest that is sent", () => {
    const layers: Report[] = [180, 360, 720].map((frameHeight, index) => ({
      id: `out${index}`,
      type: "outbound-rtp",
      ssrc: 33,
      active: frameHeight < 720,
      bytesSent: 0,
      packetsSent: 0,
      frameHeight,
      frameWidth: (frameHeight * 16) / 9,
    }));
    const { stats } = summarize(layers, nothingMeasured, 1, "bridge", nameOf);
    expect(stats.sources["bb-v0"]).toMatchObject({ width: 640, height: 360 });
  });

  test("loss is one number for stock clients", () => {
    expect(qualityPercent(0)).toBe(100);
    expect(qualityPercent(50)).toBe(0);
  });
});

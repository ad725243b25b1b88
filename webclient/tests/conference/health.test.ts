import { describe, expect, test } from "vitest";
import { healthOf, nothingCounted } from "../../src/conference/health";
import { noHealth } from "../../src/conference/state/media";
import type { Report } from "../../src/conference/statistics";

const inbound = (change: Record<string, unknown>): Report => ({
  id: "i",
  type: "inbound-rtp",
  kind: "video",
  totalDecodeTime: 0,
  framesDecoded: 0,
  framesDropped: 0,
  ...change,
});
const outbound = (cpu: number, bandwidth: number): Report => ({
  id: "o",
  type: "outbound-rtp",
  kind: "video",
  qualityLimitationDurations: { cpu, bandwidth, none: 0, other: 0 },
});

/** The same figures for so many rounds of two seconds. */
function measured(rounds: number, reports: (seconds: number) => Report[], blockedMs = 0) {
  let state = { health: noHealth, counters: nothingCounted };
  for (let round = 0; round <= rounds; round++) {
    state = healthOf(reports(round * 2), state, 1_000 + round * 2_000, blockedMs);
  }
  return state.health;
}

describe("how this machine copes", () => {
  test("one round of trouble is not yet half the truth", () => {
    expect(measured(1, (s) => [outbound(s, 0)]).limitedByProcessor).toBeCloseTo(0.4);
    expect(measured(8, (s) => [outbound(s, 0)]).limitedByProcessor).toBeGreaterThan(0.95);
  });

  test("decoding time is counted in cores, over all pictures", () => {
    const two = (s: number) => [
      inbound({ totalDecodeTime: s * 0.5 }),
      inbound({ id: "j", totalDecodeTime: s * 0.4 }),
    ];
    expect(measured(12, two).decodeLoad).toBeCloseTo(0.9, 1);
  });

  test("dropped pictures are a share of all of them", () => {
    const quarter = (s: number) => [inbound({ framesDecoded: s * 15, framesDropped: s * 5 })];
    expect(measured(12, quarter).droppedShare).toBeCloseTo(0.25, 1);
  });

  test("loss of what we send, and the room there is", () => {
    const reports: Report[] = [
      { id: "r", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.08 },
      { id: "t", type: "transport", selectedCandidatePairId: "p" },
      { id: "p", type: "candidate-pair", availableOutgoingBitrate: 250_000 },
    ];
    const health = measured(12, () => reports);
    expect(health.uploadLossPercent).toBeCloseTo(8, 1);
    expect(health.availableUploadKbps).toBe(250);
  });

  test("a page that does not answer", () => {
    expect(measured(12, () => [], 1_000).blockedShare).toBeCloseTo(0.5, 1);
  });

  test("counters that began anew, or rows without figures, are nothing bad", () => {
    const restarted = (s: number) => [inbound({ totalDecodeTime: 100 - s, framesDecoded: "x" })];
    expect(measured(3, restarted)).toEqual(noHealth);
  });
});

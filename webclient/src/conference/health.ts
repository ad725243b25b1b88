/**
 * How this machine and its line cope, from the browser's reports (webrtc-stats): what the sentence
 * "why is it bad" is made of. Smoothed over some rounds, so that one hiccup is not news.
 */
import type { Health } from "./state/media";
import type { Report } from "./statistics";

/** Sums of counters that only grow, as they were in the round before. */
export interface HealthCounters {
  readonly at: number;
  readonly decodeS: number;
  readonly decoded: number;
  readonly dropped: number;
  readonly processorS: number;
  readonly bandwidthS: number;
  readonly encoders: number;
}

export const nothingCounted: HealthCounters = {
  at: 0,
  decodeS: 0,
  decoded: 0,
  dropped: 0,
  processorS: 0,
  bandwidthS: 0,
  encoders: 0,
};

/** How much a new round counts: after three of them 78 % of a change shows. */
const NEW = 0.4;

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function durations(report: Report): { cpu: number; bandwidth: number } {
  const known = report.qualityLimitationDurations as Record<string, unknown> | undefined;
  return { cpu: number(known?.cpu), bandwidth: number(known?.bandwidth) };
}

function count(reports: readonly Report[], at: number): HealthCounters {
  let { decodeS, decoded, dropped, processorS, bandwidthS, encoders } = nothingCounted;
  for (const report of reports) {
    if (report.kind !== "video") continue;
    if (report.type === "inbound-rtp") {
      decodeS += number(report.totalDecodeTime);
      decoded += number(report.framesDecoded);
      dropped += number(report.framesDropped);
    } else if (report.type === "outbound-rtp" && report.active !== false) {
      const { cpu, bandwidth } = durations(report);
      processorS += cpu;
      bandwidthS += bandwidth;
      encoders += 1;
    }
  }
  return { at, decodeS, decoded, dropped, processorS, bandwidthS, encoders };
}

function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(1, Math.max(0, part / whole));
}

function uploadLoss(reports: readonly Report[]): number {
  const fractions = reports
    .filter((report) => report.type === "remote-inbound-rtp")
    .map((report) => number(report.fractionLost));
  return Math.max(0, ...fractions) * 100;
}

function availableUpload(reports: readonly Report[]): number | null {
  const transport = reports.find((report) => report.type === "transport");
  const pair = reports.find((report) => report.id === transport?.selectedCandidatePairId);
  const bps = pair?.availableOutgoingBitrate;
  return typeof bps === "number" ? Math.round(bps / 1000) : null;
}

/** `blockedMs`: for how long since the last round the page's own thread did not answer. */
export function healthOf(
  reports: readonly Report[],
  before: { readonly health: Health; readonly counters: HealthCounters },
  at: number,
  blockedMs: number,
): { health: Health; counters: HealthCounters } {
  const counters = count(reports, at);
  const { counters: old, health: last } = before;
  // A stream that has gone takes its counters with it: then there is nothing to compare.
  const elapsedS = (at - old.at) / 1000;
  if (old.at === 0 || elapsedS <= 0) return { health: last, counters };
  const since = (key: "decodeS" | "decoded" | "dropped" | "processorS" | "bandwidthS"): number =>
    Math.max(0, counters[key] - old[key]);
  const decoded = since("decoded");
  const sending = elapsedS * Math.max(1, counters.encoders);
  const now: Omit<Health, "availableUploadKbps"> = {
    limitedByProcessor: share(since("processorS"), sending),
    limitedByBandwidth: share(since("bandwidthS"), sending),
    uploadLossPercent: uploadLoss(reports),
    decodeLoad: share(since("decodeS"), elapsedS),
    droppedShare: share(since("dropped"), decoded + since("dropped")),
    blockedShare: share(blockedMs / 1000, elapsedS),
  };
  const health: Record<string, number | null> = { availableUploadKbps: availableUpload(reports) };
  for (const [key, value] of Object.entries(now)) {
    const previous = last[key as keyof typeof now];
    health[key] = previous + (value - previous) * NEW;
  }
  return { health: health as unknown as Health, counters };
}

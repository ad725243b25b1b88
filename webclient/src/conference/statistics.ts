/** Turn the browser's reports (webrtc-stats) into the few figures a person can use. */
import type { SourceName } from "../protocol/ids";
import type { MediaPath, MeetingStats, PathStats, SourceStats } from "./state";

export type Report = Readonly<Record<string, unknown>> & { id: string; type: string };

/** Counters of the round before, by report id. */
export interface Measured {
  readonly at: number;
  readonly counters: Readonly<Record<string, Counter>>;
  /** Loss in percent by source, and "" for all; smoothed, so that one burst is not news. */
  readonly loss: Readonly<Record<string, number>>;
}

interface Counter {
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
}

export const nothingMeasured: Measured = { at: 0, counters: {}, loss: {} };

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function codecName(reports: ReadonlyMap<string, Report>, id: unknown): string {
  const mime = typeof id === "string" ? reports.get(id)?.mimeType : undefined;
  return typeof mime === "string" ? (mime.split("/")[1] ?? mime) : "";
}

function kbps(bytes: number, elapsedMs: number): number {
  return elapsedMs <= 0 ? 0 : Math.round((bytes * 8) / elapsedMs);
}

function percent(lost: number, packets: number): number {
  const all = lost + packets;
  return all <= 0 ? 0 : Math.max(0, Math.round((1000 * lost) / all) / 10);
}

/** How much a new round counts. */
const NEW = 0.4;

interface Sum {
  stats: SourceStats;
  lost: number;
  packets: number;
}

/** `sourceOf` names the source an SSRC belongs to; unknown streams are left out. */
export function summarize(
  all: readonly Report[],
  before: Measured,
  at: number,
  path: MediaPath,
  sourceOf: (ssrc: number) => SourceName | undefined,
): { stats: Omit<MeetingStats, "health">; measured: Measured } {
  const reports = new Map(all.map((report) => [report.id, report]));
  const elapsedMs = before.at === 0 ? 0 : at - before.at;
  const counters: Record<string, Counter> = {};
  const sums = new Map<SourceName, Sum>();
  let lost = 0;
  let packets = 0;

  for (const report of all) {
    const isIn = report.type === "inbound-rtp";
    if (!isIn && report.type !== "outbound-rtp") continue;
    const name = sourceOf(number(report.ssrc));
    if (name === undefined) continue;
    const remote = isIn ? undefined : reports.get(String(report.remoteId ?? ""));
    const counter: Counter = {
      bytes: number(isIn ? report.bytesReceived : report.bytesSent),
      packets: number(isIn ? report.packetsReceived : report.packetsSent),
      lost: number(isIn ? report.packetsLost : remote?.packetsLost),
    };
    counters[report.id] = counter;
    const old = before.counters[report.id] ?? counter;
    const newLost = Math.max(0, counter.lost - old.lost);
    const newPackets = Math.max(0, counter.packets - old.packets);
    if (isIn) {
      lost += newLost;
      packets += newPackets;
    }
    const rate = kbps(Math.max(0, counter.bytes - old.bytes), elapsedMs);
    const sum = sums.get(name);
    const height = number(report.frameHeight);
    const active = !isIn && report.active === false;
    sums.set(name, {
      lost: (sum?.lost ?? 0) + newLost,
      packets: (sum?.packets ?? 0) + newPackets,
      stats: {
        bitrateKbps: (sum?.stats.bitrateKbps ?? 0) + rate,
        lossPercent: 0,
        codec: codecName(reports, report.codecId) || (sum?.stats.codec ?? ""),
        // Of several layers the largest that is being sent.
        ...(height > (sum?.stats.height ?? 0) && !active
          ? {
              width: number(report.frameWidth),
              height,
              framesPerSecond: Math.round(number(report.framesPerSecond)),
            }
          : {
              width: sum?.stats.width ?? 0,
              height: sum?.stats.height ?? 0,
              framesPerSecond: sum?.stats.framesPerSecond ?? 0,
            }),
      },
    });
  }

  const loss: Record<string, number> = {};
  const smoothed = (name: string, now: number): number => {
    const last = before.loss[name] ?? 0;
    const next = Math.round((last + (now - last) * NEW) * 10) / 10;
    loss[name] = next;
    return next;
  };
  const sources = Object.fromEntries(
    Array.from(sums, ([name, sum]) => [
      name,
      { ...sum.stats, lossPercent: smoothed(name, percent(sum.lost, sum.packets)) },
    ]),
  );
  const { stats: pathStats, counter } = pathOf(all, reports, before, elapsedMs, path);
  if (counter) counters[counter.id] = counter;
  return {
    stats: {
      path: pathStats ? { ...pathStats, lossPercent: smoothed("", percent(lost, packets)) } : null,
      sources,
    },
    measured: { at, counters, loss },
  };
}

function pathOf(
  all: readonly Report[],
  reports: ReadonlyMap<string, Report>,
  before: Measured,
  elapsedMs: number,
  path: MediaPath,
): { stats: PathStats | null; counter: (Counter & { id: string }) | null } {
  const transport = all.find((report) => report.type === "transport");
  const pair = reports.get(String(transport?.selectedCandidatePairId ?? ""));
  if (!pair) return { stats: null, counter: null };
  const local = reports.get(String(pair.localCandidateId ?? ""));
  const remote = reports.get(String(pair.remoteCandidateId ?? ""));
  // `packets` holds the bytes of the other direction here: a pair counts both.
  const counter = {
    id: pair.id,
    bytes: number(pair.bytesSent),
    packets: number(pair.bytesReceived),
    lost: 0,
  };
  const old = before.counters[pair.id] ?? counter;
  const relay = local?.candidateType === "relay";
  const protocol = String((relay ? local?.relayProtocol : local?.protocol) ?? "");
  const address = remote?.address ?? remote?.ip;
  return {
    counter,
    stats: {
      path,
      transport: relay ? `relay/${protocol}` : protocol,
      remoteAddress: typeof address === "string" ? `${address}:${number(remote?.port)}` : "",
      roundTripMs:
        typeof pair.currentRoundTripTime === "number"
          ? Math.round(pair.currentRoundTripTime * 1000)
          : null,
      uploadKbps: kbps(Math.max(0, counter.bytes - old.bytes), elapsedMs),
      downloadKbps: kbps(Math.max(0, counter.packets - old.packets), elapsedMs),
      lossPercent: 0,
    },
  };
}

/** Loss as one number from 0 to 100, which stock clients expect from each other. */
export function qualityPercent(lossPercent: number): number {
  return Math.max(0, Math.min(100, Math.round(100 - lossPercent * 4)));
}

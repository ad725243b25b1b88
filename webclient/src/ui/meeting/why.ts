/** Why sound or picture is poor: from figures to one cause, for which there is one sentence. */
import type {
  Conference,
  Health,
  PathStats,
  PictureReason,
  SourceStats,
} from "../../conference/state";
import type { IconName } from "../icons";
import type { TileModel } from "./tiles";

export const CAUSES = [
  "their-uplink",
  "your-downlink",
  "your-uplink",
  "your-processor",
  "over-tcp",
  "far-away",
  "bridge-busy",
] as const;
export type Cause = (typeof CAUSES)[number];

/** The other reasons of the bridge are as people chose, so nothing is bad about them. */
export function isCause(reason: PictureReason): reason is PictureReason & Cause {
  return CAUSES.some((cause) => cause === reason);
}

export const CAUSE_ICONS: Readonly<Record<Cause, IconName>> = {
  "their-uplink": "uplink",
  "your-downlink": "downlink",
  "your-uplink": "uplink",
  "your-processor": "processor",
  "over-tcp": "detour",
  "far-away": "signal-medium",
  "bridge-busy": "busy",
};

export interface Figures {
  readonly isLocal: boolean;
  /** As the bridge says it. */
  readonly reason: PictureReason | undefined;
  /** Of this source, or of the person's voice, whichever is worse. */
  readonly lossPercent: number;
  readonly path: PathStats | null;
  readonly health: Health;
  readonly isSendingVideo: boolean;
}

/** From these on people notice; below them nobody is told. */
const LOSS_PERCENT = 3;
const DELAY_MS = 300;
const PROCESSOR_SHARE = 0.5;
/** One core spends most of its time decoding, or the page does not answer a third of the time. */
const DECODE_LOAD = 0.8;
const BLOCKED_SHARE = 0.33;
const DROPPED_SHARE = 0.2;
/** A camera's smallest useful picture with voice. */
const UPLOAD_KBPS = 400;

/** The first that holds, from what is certain to what is only likely; null: all is well. */
export function whyBad(figures: Figures): Cause | null {
  const { path } = figures;
  const isTcp = path?.transport.includes("tcp") === true;
  const cause = figures.isLocal ? whyOwn(figures) : whyOthers(figures);
  // Over TCP lost packets stop everything behind them: that is the cause of the cause.
  if (isTcp && (cause === "your-downlink" || cause === "your-uplink" || cause === "far-away")) {
    return "over-tcp";
  }
  return cause;
}

function whyOwn({ health, isSendingVideo, path }: Figures): Cause | null {
  if (isSendingVideo && health.limitedByProcessor >= PROCESSOR_SHARE) return "your-processor";
  const { availableUploadKbps } = health;
  const isNarrow = availableUploadKbps !== null && availableUploadKbps < UPLOAD_KBPS;
  if (isSendingVideo && health.limitedByBandwidth >= PROCESSOR_SHARE && isNarrow) {
    return "your-uplink";
  }
  if (health.uploadLossPercent >= LOSS_PERCENT) return "your-uplink";
  return isFar(path) ? "far-away" : null;
}

function whyOthers({ health, lossPercent, path, reason }: Figures): Cause | null {
  if (reason && isCause(reason)) return reason;
  if (
    health.decodeLoad >= DECODE_LOAD ||
    health.blockedShare >= BLOCKED_SHARE ||
    health.droppedShare >= DROPPED_SHARE
  ) {
    return "your-processor";
  }
  // Loss on everything is ours; loss on one person alone comes from where they are.
  if ((path?.lossPercent ?? 0) >= LOSS_PERCENT) return "your-downlink";
  if (lossPercent >= LOSS_PERCENT) return "their-uplink";
  return isFar(path) ? "far-away" : null;
}

function isFar(path: PathStats | null): boolean {
  return (path?.roundTripMs ?? 0) >= DELAY_MS;
}

/**
 * The sign on a tile. What is about oneself is said once, on one's own tile, not on everybody's;
 * the card behind each tile says it all the same.
 */
export function signOf(state: Conference, tile: TileModel): Cause | null {
  const figures = figuresOf(state, tile);
  const cause = whyBad(figures);
  if (!tile.isLocal) return cause === figures.reason || cause === "their-uplink" ? cause : null;
  if (cause || tile.isScreen) return cause;
  return whyBad({ ...figures, isLocal: false, reason: undefined, lossPercent: 0 });
}

function lossOf(stats: SourceStats | undefined): number {
  return stats?.lossPercent ?? 0;
}

/** The figures of one tile out of all that is known. */
export function figuresOf(state: Conference, tile: TileModel): Figures {
  const { path, sources, health } = state.stats;
  return {
    isLocal: tile.isLocal,
    reason: tile.isLocal ? undefined : state.pictureReasons[tile.id],
    lossPercent: Math.max(lossOf(sources[tile.id]), lossOf(sources[`${tile.endpoint}-a0`])),
    path,
    health,
    isSendingVideo: state.local.camera === "on" || state.local.share === "on",
  };
}

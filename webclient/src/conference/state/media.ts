/** Own devices, and how sound and pictures travel. */
import type { PictureReason } from "../../protocol/bridge-channel";
import type { SourceName } from "../../protocol/ids";

export type DeviceState =
  | "off"
  | "on"
  /** The person or the browser said no. */
  | "blocked"
  /** There is none. */
  | "missing"
  /** Another program has it. */
  | "busy";

export interface LocalMediaState {
  readonly microphone: DeviceState;
  readonly camera: DeviceState;
  readonly share: "off" | "on";
  readonly shareHasSound: boolean;
}

export type MediaPath = "p2p" | "bridge" | "none";

/** What the connection card shows of one source or one person. */
export interface SourceStats {
  readonly bitrateKbps: number;
  readonly lossPercent: number;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
}

export interface PathStats {
  readonly path: MediaPath;
  /** udp, tcp or relay (with its own protocol). */
  readonly transport: string;
  readonly remoteAddress: string;
  readonly roundTripMs: number | null;
  readonly uploadKbps: number;
  readonly downloadKbps: number;
  readonly lossPercent: number;
}

/** How this machine and its line cope; shares from 0 to 1, smoothed over some rounds. */
export interface Health {
  /** Of the time, the encoder makes less because the processor is busy. */
  readonly limitedByProcessor: number;
  readonly limitedByBandwidth: number;
  readonly uploadLossPercent: number;
  readonly availableUploadKbps: number | null;
  /** Decoding time of all pictures, in cores. */
  readonly decodeLoad: number;
  /** Of the pictures, those that came too late to be shown. */
  readonly droppedShare: number;
  /** Of the time, the page's own thread did not answer. */
  readonly blockedShare: number;
}

export const noHealth: Health = {
  limitedByProcessor: 0,
  limitedByBandwidth: 0,
  uploadLossPercent: 0,
  availableUploadKbps: null,
  decodeLoad: 0,
  droppedShare: 0,
  blockedShare: 0,
};

export interface MeetingStats {
  readonly path: PathStats | null;
  /** Where the bridge is; empty without one, and when nobody says. */
  readonly region?: string;
  readonly health: Health;
  readonly sources: Readonly<Record<SourceName, SourceStats>>;
}

export type PictureReasons = Readonly<Record<SourceName, PictureReason>>;

export function reasonsChanged(
  reasons: PictureReasons,
  changes: Readonly<Record<SourceName, PictureReason | null>>,
): PictureReasons {
  const next: Record<SourceName, PictureReason> = { ...reasons };
  for (const [source, reason] of Object.entries(changes)) {
    if (reason) next[source] = reason;
    else delete next[source];
  }
  return next;
}

/** Messages of the bridge channel: JSON objects with a `colibriClass`. Unknown ones are ignored. */
import { type CaptionLine, parseCaption } from "./captions";
import { isObject } from "./components";
import type { EndpointId, SourceName } from "./ids";
import { asReaction, type Reaction } from "./messages";

export interface ReceiverConstraints {
  readonly lastN: number;
  readonly onStageSources: readonly SourceName[];
  readonly defaultMaxHeight: number;
  /** Height (shorter side) wanted of a source; 0 means not at all. */
  readonly maxHeights: Readonly<Record<SourceName, number>>;
}

/** Why a picture comes smaller than it could, or not at all; docs/protocols.md has the meanings. */
export const PICTURE_REASONS = [
  "your-downlink",
  "their-uplink",
  "bridge-busy",
  "not-in-last-n",
  "asked-smaller",
  "muted",
] as const;
export type PictureReason = (typeof PICTURE_REASONS)[number];

export type BridgeMessage =
  | { readonly kind: "hello" }
  | {
      readonly kind: "dominant-speaker";
      readonly endpoint: EndpointId;
      readonly previous: readonly EndpointId[];
      readonly silence: boolean;
    }
  | { readonly kind: "forwarded-sources"; readonly sources: readonly SourceName[] }
  | {
      readonly kind: "picture-reasons";
      /** Only what changed; null: there is no reason any more. */
      readonly changes: Readonly<Record<SourceName, PictureReason | null>>;
    }
  | { readonly kind: "sender-constraints"; readonly source: SourceName; readonly maxHeight: number }
  | { readonly kind: "connectivity"; readonly endpoint: EndpointId; readonly active: boolean }
  | { readonly kind: "downlink-estimate"; readonly bps: number }
  | { readonly kind: "reaction"; readonly from: EndpointId; readonly reaction: Reaction }
  | { readonly kind: "caption"; readonly line: CaptionLine };

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

export function parseBridgeMessage(data: unknown): BridgeMessage | undefined {
  if (typeof data !== "string") return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const message = parsed as Record<string, unknown>;
  switch (message.colibriClass) {
    case "ServerHello":
      return { kind: "hello" };
    case "DominantSpeakerEndpointChangeEvent":
      return typeof message.dominantSpeakerEndpoint === "string"
        ? {
            kind: "dominant-speaker",
            endpoint: message.dominantSpeakerEndpoint,
            previous: strings(message.previousSpeakers),
            silence: message.silence === true,
          }
        : undefined;
    case "ForwardedSources":
      return { kind: "forwarded-sources", sources: strings(message.forwardedSources) };
    case "SourceReasons":
      return { kind: "picture-reasons", changes: pictureReasons(message.sources) };
    case "SenderSourceConstraints":
      return typeof message.sourceName === "string" && typeof message.maxHeight === "number"
        ? {
            kind: "sender-constraints",
            source: message.sourceName,
            maxHeight: message.maxHeight,
          }
        : undefined;
    case "EndpointConnectivityStatusChangeEvent":
      return typeof message.endpoint === "string"
        ? {
            kind: "connectivity",
            endpoint: message.endpoint,
            // The wire has the string, not the boolean.
            active: String(message.active) === "true",
          }
        : undefined;
    case "ConnectionStats":
      return typeof message.estimatedDownlinkBandwidth === "number"
        ? { kind: "downlink-estimate", bps: message.estimatedDownlinkBandwidth }
        : undefined;
    case "EndpointMessage":
      return parseEndpointMessage(message);
    default:
      return undefined;
  }
}

function pictureReasons(value: unknown): Record<SourceName, PictureReason | null> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([source, reason]) => [
      source,
      // A reason that a later bridge gives is none that we have words for.
      PICTURE_REASONS.find((known) => known === reason) ?? null,
    ]),
  );
}

/**
 * A reaction as stock clients understand it. Ours reads the same reaction in the room, where it is
 * heard in every state of the media, and therefore skips this one by its mark.
 */
export function reactionForStockClients(reaction: Reaction, timestamp: number): string {
  return JSON.stringify({
    colibriClass: "EndpointMessage",
    to: "",
    msgPayload: { name: "endpoint-reaction", reactions: [reaction], timestamp, isInRoom: true },
  });
}

/** No person has this endpoint id: those of people are eight hexadecimal digits. */
const TRANSCRIBER = "transcriber";

/** Stock clients send their reactions this way. */
function parseEndpointMessage(message: Record<string, unknown>): BridgeMessage | undefined {
  const payload = message.msgPayload as Record<string, unknown> | undefined;
  const from = message.from;
  if (from === TRANSCRIBER && isObject(payload)) {
    const line = parseCaption(payload);
    return line && { kind: "caption", line };
  }
  if (typeof from !== "string" || payload?.name !== "endpoint-reaction") return undefined;
  if (payload.isInRoom === true) return undefined;
  const reaction = asReaction(strings(payload.reactions)[0]);
  return reaction ? { kind: "reaction", from, reaction } : undefined;
}

export function receiverConstraints(wanted: ReceiverConstraints): string {
  return JSON.stringify({
    colibriClass: "ReceiverVideoConstraints",
    lastN: wanted.lastN,
    onStageSources: wanted.onStageSources,
    defaultConstraints: { maxHeight: wanted.defaultMaxHeight },
    constraints: Object.fromEntries(
      Object.entries(wanted.maxHeights).map(([name, maxHeight]) => [name, { maxHeight }]),
    ),
  });
}

export function sourceVideoType(
  sourceName: SourceName,
  videoType: "camera" | "desktop" | "none",
): string {
  return JSON.stringify({ colibriClass: "SourceVideoTypeMessage", sourceName, videoType });
}

export interface EndpointStats {
  readonly uploadKbps: number;
  readonly downloadKbps: number;
  readonly uploadLossPercent: number;
  readonly downloadLossPercent: number;
  readonly roundTripMs: number | null;
  /** 0 to 100, as stock clients show it. */
  readonly quality: number;
}

export function endpointStats(stats: EndpointStats): string {
  return JSON.stringify({
    colibriClass: "EndpointStats",
    bitrate: { upload: stats.uploadKbps, download: stats.downloadKbps },
    packetLoss: {
      total: Math.max(stats.uploadLossPercent, stats.downloadLossPercent),
      upload: stats.uploadLossPercent,
      download: stats.downloadLossPercent,
    },
    connectionQuality: stats.quality,
    jvbRTT: stats.roundTripMs,
  });
}

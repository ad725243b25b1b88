/** What everybody in a room knows about it (signalling notes 6.8): the whole object, every time. */
import { asNumber, asText, isObject, type Json } from "./components";
import { NS } from "./ns";
import { type Xml, xml } from "./xml";

/** What a moderator may keep for moderators. True means: only they. */
export const RESTRICTIONS = [
  "groupChatRestricted",
  "privateChatRestricted",
  "screenSharingRestricted",
  "fileUploadRestricted",
  "renameRestricted",
  "pollCreationRestricted",
] as const;
export type Restriction = (typeof RESTRICTIONS)[number];

export interface RoomMetadata {
  readonly startMuted: { readonly audio: boolean; readonly video: boolean };
  readonly isLobbyOn: boolean;
  readonly restrictions: Readonly<Record<Restriction, boolean>>;
  /** Whoever takes part is asked to have the camera on, as in an exam. */
  readonly isCameraRequired: boolean;
  /** How long chat is kept; null when the server does not say. */
  readonly retention: Retention | null;
  /** A moderator shows this person to everybody; empty when nobody. */
  readonly spotlight: string;
}

export type Retention =
  | { readonly kind: "none" }
  | { readonly kind: "meeting" }
  | { readonly kind: "days"; readonly days: number };

export const NO_RESTRICTIONS = Object.fromEntries(
  RESTRICTIONS.map((each) => [each, false]),
) as Record<Restriction, boolean>;

function parseRetention(value: unknown): Retention | null {
  const chat = isObject(value) ? value : {};
  const days = asNumber(value) ?? asNumber(chat.days);
  const word = asText(value) || asText(chat.kind) || asText(chat.retention);
  if (days !== null && days > 0) return { kind: "days", days };
  if (word === "none" || word === "meeting") return { kind: word };
  const counted = /^(\d+)/.exec(word);
  return counted ? { kind: "days", days: Number(counted[1]) } : null;
}

export function parseRoomMetadata(payload: Json): RoomMetadata | undefined {
  const { metadata } = payload;
  if (!isObject(metadata)) return undefined;
  const start = isObject(metadata.startMuted) ? metadata.startMuted : {};
  const given = isObject(metadata.permissions) ? metadata.permissions : {};
  return {
    startMuted: { audio: start.audio === true, video: start.video === true },
    isLobbyOn: metadata.lobbyEnabled === true,
    restrictions: Object.fromEntries(
      RESTRICTIONS.map((each) => [each, given[each] === true]),
    ) as Record<Restriction, boolean>,
    isCameraRequired: metadata.cameraRequired === true,
    retention: parseRetention(metadata.chatRetention),
    spotlight: asText(metadata.spotlight),
  };
}

/** Change one key; only moderators may, and not every key. */
export function buildMetadataChange(room: string, key: string, data: unknown): Xml {
  return xml(
    "room_metadata",
    { xmlns: NS.jitmeet, room },
    JSON.stringify({ key, data, type: "room_metadata" }),
  );
}

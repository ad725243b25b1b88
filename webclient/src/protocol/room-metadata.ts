/** What everybody in a room knows about it (signalling notes 6.8): the whole object, every time. */
import { isObject, type Json } from "./components";
import type { EndpointId } from "./ids";
import { NS } from "./ns";
import { type Xml, xml } from "./xml";

/** What may be kept for some. Stock clients know chat and polls under other names. */
export const FEATURES = [
  "microphone",
  "camera",
  "screen",
  "chat",
  "privateChat",
  "files",
  "polls",
  "rename",
] as const;
export type Feature = (typeof FEATURES)[number];

/** For whom a feature is; whoever may more may also what those below may. */
export const LEVELS = ["everybody", "presenters", "moderators"] as const;
export type Level = (typeof LEVELS)[number];

export type Permissions = Readonly<Record<Feature, Level>>;

export interface RoomMetadata {
  readonly startMuted: { readonly audio: boolean; readonly video: boolean };
  readonly isLobbyOn: boolean;
  readonly permissions: Permissions;
  /** Named by moderators: they may what is kept for presenters. */
  readonly presenters: readonly EndpointId[];
  /** Whoever takes part is asked to have the camera on, as in an exam. */
  readonly isCameraRequired: boolean;
  /** Who is here from when to when is written down. */
  readonly isAttendanceKept: boolean;
  /** Who has to ask before speaking here need not in a breakout room. */
  readonly areGroupsFree: boolean;
  /** How long chat is kept; null when the server does not say. */
  readonly retention: Retention | null;
}

export type Retention =
  | { readonly kind: "none" }
  | { readonly kind: "meeting" }
  | { readonly kind: "days"; readonly days: number };

export const OPEN_TO_ALL = Object.fromEntries(
  FEATURES.map((each) => [each, "everybody"]),
) as Permissions;

/** Other servers say only these two. */
const STOCK: Readonly<Partial<Record<Feature, string>>> = {
  chat: "groupChatRestricted",
  polls: "pollCreationRestricted",
};

function parsePermissions(value: unknown): Permissions {
  const given = isObject(value) ? value : {};
  return Object.fromEntries(
    FEATURES.map((feature) => {
      const level = LEVELS.find((each) => each === given[feature]);
      const stock = STOCK[feature];
      return [feature, level ?? (stock && given[stock] === true ? "moderators" : "everybody")];
    }),
  ) as Permissions;
}

/** "none", "meeting", or a number of days. */
function parseRetention(value: unknown): Retention | null {
  if (value === "none" || value === "meeting") return { kind: value };
  return typeof value === "number" && value > 0 ? { kind: "days", days: value } : null;
}

export function parseRoomMetadata(payload: Json): RoomMetadata | undefined {
  const { metadata } = payload;
  if (!isObject(metadata)) return undefined;
  const start = isObject(metadata.startMuted) ? metadata.startMuted : {};
  const presenters = isObject(metadata.presenters) ? metadata.presenters : {};
  return {
    startMuted: { audio: start.audio === true, video: start.video === true },
    isLobbyOn: metadata.lobbyEnabled === true,
    permissions: parsePermissions(metadata.permissions),
    presenters: Object.keys(presenters).filter((each) => presenters[each] === true),
    isCameraRequired: metadata.cameraRequired === true,
    isAttendanceKept: metadata.attendance === true,
    areGroupsFree: metadata.breakoutsFree === true,
    retention: parseRetention(metadata.chatRetention),
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

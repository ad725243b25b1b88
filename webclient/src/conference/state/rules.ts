/** What holds in this room: who must ask before speaking, what is kept for moderators, the doors. */
import {
  type AvModerationMessage,
  MODERATED_MEDIA,
  type ModeratedMedia,
} from "../../protocol/av-moderation";
import type { EndpointId } from "../../protocol/ids";
import type { RoomInfo } from "../../protocol/room-info";
import {
  type Feature,
  type Level,
  OPEN_TO_ALL,
  type RoomMetadata,
} from "../../protocol/room-metadata";

export interface SpeechRule {
  /** Everybody but moderators asks first. */
  readonly isOn: boolean;
  /** We may, though it is on. */
  readonly isAllowed: boolean;
  /** Who may; known to moderators only. */
  readonly allowed: readonly EndpointId[];
}

export interface Rules {
  readonly speech: Readonly<Record<ModeratedMedia, SpeechRule>>;
  readonly metadata: RoomMetadata;
  readonly room: RoomInfo;
}

const FREE: SpeechRule = { isOn: false, isAllowed: false, allowed: [] };

export const NO_RULES: Rules = {
  speech: { audio: FREE, video: FREE, desktop: FREE },
  metadata: {
    startMuted: { audio: false, video: false },
    isLobbyOn: false,
    permissions: OPEN_TO_ALL,
    presenters: [],
    isCameraRequired: false,
    isAttendanceKept: false,
    areGroupsFree: false,
    retention: null,
  },
  room: {
    meetingId: "",
    createdAt: null,
    hasPassword: false,
    isMembersOnly: false,
    lobbyRoom: "",
    isBreakout: false,
    mainRoom: "",
  },
};

export function applyAvModeration(rules: Rules, message: AvModerationMessage): Rules {
  const before = rules.speech[message.media];
  let next: SpeechRule;
  switch (message.kind) {
    case "switched":
      // Whoever was allowed before must ask again.
      next = before.isOn === message.isOn ? before : { ...FREE, isOn: message.isOn };
      break;
    case "allowed":
      next = { ...before, allowed: message.endpoints };
      break;
    case "own":
      next = { ...before, isAllowed: message.isAllowed };
      break;
  }
  return { ...rules, speech: { ...rules.speech, [message.media]: next } };
}

/** Whoever asks: a person here. */
export interface Asker {
  readonly id: EndpointId;
  readonly isModerator: boolean;
}

/** For whom a feature is, and whether that includes this person. */
export function may(rules: Rules, feature: Feature, who: Asker): boolean {
  if (who.isModerator) return true;
  const level: Level = rules.metadata.permissions[feature];
  return level === "everybody" || (level === "presenters" && isPresenter(rules, who.id));
}

export function isPresenter(rules: Rules, id: EndpointId): boolean {
  return rules.metadata.presenters.includes(id);
}

const FEATURE_OF: Readonly<Record<ModeratedMedia, Feature>> = {
  audio: "microphone",
  video: "camera",
  desktop: "screen",
};

/** Why this person cannot switch the media on by itself; null: nothing is in the way. */
export function obstacle(
  rules: Rules,
  media: ModeratedMedia,
  who: Asker,
): "not-permitted" | "must-ask" | null {
  if (!may(rules, FEATURE_OF[media], who)) return "not-permitted";
  const { isOn, isAllowed } = rules.speech[media];
  return isOn && !isAllowed && !who.isModerator ? "must-ask" : null;
}

export { type Feature, type Level, MODERATED_MEDIA, type ModeratedMedia };

/** What holds in this room: who must ask before speaking, what is kept for moderators, the doors. */
import {
  type AvModerationMessage,
  MODERATED_MEDIA,
  type ModeratedMedia,
} from "../../protocol/av-moderation";
import type { EndpointId } from "../../protocol/ids";
import type { RoomInfo } from "../../protocol/room-info";
import { NO_RESTRICTIONS, type Restriction, type RoomMetadata } from "../../protocol/room-metadata";

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
    restrictions: NO_RESTRICTIONS,
    isCameraRequired: false,
    retention: null,
    spotlight: "",
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

/** True when this participant must be allowed before it may switch the media on. */
export function mustAsk(rules: Rules, media: ModeratedMedia, isModerator: boolean): boolean {
  const { isOn, isAllowed } = rules.speech[media];
  return isOn && !isAllowed && !isModerator;
}

export function isForbidden(rules: Rules, what: Restriction, isModerator: boolean): boolean {
  return rules.metadata.restrictions[what] && !isModerator;
}

export { MODERATED_MEDIA, type ModeratedMedia, type Restriction };

import type { WithoutCamera } from "../../protocol/cameras";
import type { Spotlight } from "../../protocol/follow-me";
import type { EndpointId } from "../../protocol/ids";
import type { Reaction } from "../../protocol/messages";
import type { EarlierPoll, Poll } from "../../protocol/polls";
import { type EncryptionState, initialEncryption } from "../e2ee/state";
import { type Breakouts, NO_BREAKOUTS } from "./breakouts";
import type { Captions } from "./captions";
import type { ChatLog } from "./chat";
import { type Files, NO_FILES } from "./files";
import { EMPTY_LOBBY, type Lobby } from "./lobby";
import {
  type LocalMediaState,
  type MediaPath,
  type MeetingStats,
  noHealth,
  type PictureReasons,
} from "./media";
import type { WithNotices } from "./notices";
import type { Participant } from "./people";
import { NO_RULES, type Rules } from "./rules";
import { NO_SPEAKER_TIMES, type SpeakerTimes } from "./speaker-times";

export type Phase =
  | "connecting"
  /** The server asks us to wait: the meeting is not open yet. */
  | "waiting"
  /** The room has a password, or wants a name. */
  | "asked"
  /** In the lobby, until a moderator lets us in. */
  | "knocking"
  | "joined"
  /** On the way to another room of the same meeting. */
  | "moving"
  | "reconnecting"
  /** A moderator removed us. */
  | "removed"
  | "left"
  | "error";

/** Why the meeting cannot go on, in the words the interface has a sentence for. */
export type Problem =
  | "refused"
  | "room-full"
  | "not-allowed"
  | "kept-out"
  | "lobby-refused"
  | "conference-failed"
  | "media-failed"
  | "ended-by-moderator";

export interface ShownReaction {
  readonly id: number;
  readonly from: EndpointId;
  readonly reaction: Reaction;
  readonly at: number;
}

/** What the room wants to know before it lets us in. */
export type Question = "password" | "password-again" | "name";

/** Somebody whom we have removed for good. */
export interface Banned {
  /** The bare address. */
  readonly jid: string;
  readonly name: string;
}

export interface Conference extends WithNotices {
  readonly phase: Phase;
  readonly problem: Problem | null;
  readonly question: Question | null;
  /** The server does not answer on the way in; it is asked again and again. */
  readonly isServerSilent: boolean;
  /** Waiting because the host is not there yet, not because somebody has to decide. */
  readonly waitsForHost: boolean;
  /** Who removed us, or why it ended, as the server says it. */
  readonly reason: string;
  readonly removedBy: string;
  /** Removed for good. */
  readonly isBanned: boolean;
  readonly attempt: number;
  readonly room: string;
  readonly ownId: EndpointId;
  readonly isModerator: boolean;
  readonly displayName: string;
  readonly raisedHandAt: number | null;
  /** The server's time of it, which alone tells who was first; null until it is known. */
  readonly handStampedAt: number | null;
  /** What we show to all, as a moderator. */
  readonly ownSpotlight: Spotlight | null;
  readonly joinedAt: number | null;
  readonly local: LocalMediaState;
  /** In the order they came; people do not change place. */
  readonly participants: readonly Participant[];
  readonly dominantSpeaker: EndpointId | null;
  readonly speaking: readonly EndpointId[];
  readonly mediaPath: MediaPath;
  readonly encryption: EncryptionState;
  readonly isMediaInterrupted: boolean;
  /** Why pictures come smaller than they could, or not at all; as the bridge says it. */
  readonly pictureReasons: PictureReasons;
  readonly chat: ChatLog;
  /** The chat of the rooms of this meeting where we are not now, by address. */
  readonly otherChats: Readonly<Record<string, ChatLog>>;
  readonly reactions: readonly ShownReaction[];
  readonly rules: Rules;
  readonly lobby: Lobby;
  readonly breakouts: Breakouts;
  /** Where cameras are required: of everybody for moderators, else only of oneself. */
  readonly withoutCamera: WithoutCamera;
  readonly banned: readonly Banned[];
  readonly polls: readonly Poll[];
  /** What meetings before this one asked in a room that is kept, if we lead it. */
  readonly earlierPolls: readonly EarlierPoll[];
  readonly files: Files;
  readonly speakerTimes: SpeakerTimes;
  /** What is said, in writing; the newest last. */
  readonly captions: Captions;
  readonly stats: MeetingStats;
}

export const initialConference: Conference = {
  phase: "connecting",
  problem: null,
  question: null,
  isServerSilent: false,
  waitsForHost: false,
  reason: "",
  removedBy: "",
  isBanned: false,
  attempt: 0,
  room: "",
  ownId: "",
  isModerator: false,
  displayName: "",
  raisedHandAt: null,
  handStampedAt: null,
  ownSpotlight: null,
  joinedAt: null,
  local: { microphone: "off", camera: "off", share: "off", shareHasSound: false },
  participants: [],
  dominantSpeaker: null,
  speaking: [],
  mediaPath: "none",
  encryption: initialEncryption,
  isMediaInterrupted: false,
  pictureReasons: {},
  chat: [],
  otherChats: {},
  reactions: [],
  rules: NO_RULES,
  lobby: EMPTY_LOBBY,
  breakouts: NO_BREAKOUTS,
  withoutCamera: {},
  banned: [],
  polls: [],
  earlierPolls: [],
  files: NO_FILES,
  speakerTimes: NO_SPEAKER_TIMES,
  notices: [],
  nextId: 1,
  captions: [],
  stats: { path: null, sources: {}, health: noHealth },
};

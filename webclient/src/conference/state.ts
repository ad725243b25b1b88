/**
 * The meeting as this participant knows it: plain data, changed only by events.
 *
 * What cannot be plain data (tracks, connections) lives beside it; this can be written to JSON,
 * replayed in a test and compared.
 */
import type { PictureReason } from "../protocol/bridge-channel";
import type { Spotlight } from "../protocol/follow-me";
import type { EndpointId, SourceName, VideoType } from "../protocol/ids";
import type { Reaction } from "../protocol/messages";
import type { SourceInfo } from "../protocol/presence";

export type Phase =
  | "connecting"
  /** The server asks us to wait: the meeting is not open yet. */
  | "waiting"
  | "joined"
  | "reconnecting"
  /** A moderator removed us. */
  | "removed"
  | "left"
  | "error";

/** Why the meeting cannot go on, in the words the interface has a sentence for. */
export type Problem =
  | "unreachable"
  | "refused"
  | "room-full"
  | "password-required"
  | "not-allowed"
  | "conference-failed"
  | "media-failed"
  | "ended-by-moderator";

export interface Participant {
  readonly id: EndpointId;
  readonly displayName: string;
  readonly isModerator: boolean;
  readonly sources: SourceInfo;
  readonly raisedHandAt: number | null;
  /** False while the bridge hears nothing from it. */
  readonly isReachable: boolean;
  /** What this occupant shows to all, whether it may or not. */
  readonly spotlight?: Spotlight | null;
}

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

export interface ChatEntry {
  readonly id: string;
  readonly from: EndpointId;
  readonly name: string;
  readonly body: string;
  readonly at: number;
  readonly isOwn: boolean;
  readonly isPrivate: boolean;
}

export interface ShownReaction {
  readonly id: number;
  readonly from: EndpointId;
  readonly reaction: Reaction;
  readonly at: number;
}

export type NoticeKind =
  | "joined"
  | "left"
  | "removed-other"
  | "hand-raised"
  | "muted-by"
  | "camera-off-by"
  | "share-stopped-by"
  | "sharing-started"
  | "sharing-stopped"
  | "chat-refused"
  | "no-bridge"
  | "back-online"
  | "over-tcp"
  | "media-interrupted"
  | "media-restored"
  | "microphone-blocked"
  | "microphone-missing"
  | "microphone-busy"
  | "camera-blocked"
  | "camera-missing"
  | "camera-busy"
  | "share-failed"
  | "invitation-copied"
  | "copy-failed"
  | "action-refused"
  | "now-moderator";

/** One line in the log; the interface has the words. */
export interface Notice {
  readonly id: number;
  readonly kind: NoticeKind;
  readonly name: string;
  readonly at: number;
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

export interface MeetingStats {
  readonly path: PathStats | null;
  readonly sources: Readonly<Record<SourceName, SourceStats>>;
}

export interface Conference {
  readonly phase: Phase;
  readonly problem: Problem | null;
  /** Who removed us, or why it ended, as the server says it. */
  readonly reason: string;
  readonly attempt: number;
  readonly room: string;
  readonly ownId: EndpointId;
  readonly isModerator: boolean;
  readonly displayName: string;
  readonly raisedHandAt: number | null;
  /** What we show to all, as a moderator. */
  readonly ownSpotlight: Spotlight | null;
  readonly joinedAt: number | null;
  readonly local: LocalMediaState;
  /** In the order they came; people do not change place. */
  readonly participants: readonly Participant[];
  readonly dominantSpeaker: EndpointId | null;
  readonly speaking: readonly EndpointId[];
  readonly mediaPath: MediaPath;
  readonly isMediaInterrupted: boolean;
  /** Why pictures come smaller than they could, or not at all; as the bridge says it. */
  readonly pictureReasons: Readonly<Record<SourceName, PictureReason>>;
  readonly chat: readonly ChatEntry[];
  readonly reactions: readonly ShownReaction[];
  readonly notices: readonly Notice[];
  readonly nextId: number;
  readonly stats: MeetingStats;
}

export const initialConference: Conference = {
  phase: "connecting",
  problem: null,
  reason: "",
  attempt: 0,
  room: "",
  ownId: "",
  isModerator: false,
  displayName: "",
  raisedHandAt: null,
  ownSpotlight: null,
  joinedAt: null,
  local: { microphone: "off", camera: "off", share: "off", shareHasSound: false },
  participants: [],
  dominantSpeaker: null,
  speaking: [],
  mediaPath: "none",
  isMediaInterrupted: false,
  pictureReasons: {},
  chat: [],
  reactions: [],
  notices: [],
  nextId: 1,
  stats: { path: null, sources: {} },
};

export type ConferenceEvent =
  | { kind: "connecting"; room: string; displayName: string }
  | { kind: "asked-to-wait" }
  /** A new seat in the room: whoever was known before may not be there any more. */
  | { kind: "entering"; ownId: EndpointId }
  | { kind: "joined"; at: number }
  | { kind: "connection-lost" }
  | { kind: "reconnecting"; attempt: number }
  | { kind: "removed"; reason: string }
  | { kind: "left" }
  | { kind: "failed"; problem: Problem; reason: string }
  | { kind: "endpoint-changed"; participant: Participant; at: number }
  | { kind: "endpoint-left"; endpoint: EndpointId; wasRemoved: boolean; at: number }
  | { kind: "own-role-changed"; isModerator: boolean; at: number }
  | { kind: "own-name-changed"; displayName: string }
  | { kind: "own-hand-changed"; raisedHandAt: number | null }
  | { kind: "own-spotlight-changed"; spotlight: Spotlight | null }
  | { kind: "local-media-changed"; local: LocalMediaState }
  | { kind: "speaker-changed"; endpoint: EndpointId | null }
  | { kind: "speaking-changed"; endpoints: readonly EndpointId[] }
  | { kind: "media-path-changed"; path: MediaPath }
  | { kind: "media-interrupted"; interrupted: boolean; at: number }
  | { kind: "reachability-changed"; endpoint: EndpointId; isReachable: boolean }
  /** The bridge channel is new: it tells all reasons again. */
  | { kind: "picture-reasons-unknown" }
  | {
      kind: "picture-reasons-changed";
      changes: Readonly<Record<SourceName, PictureReason | null>>;
    }
  | { kind: "chat-received"; entry: ChatEntry }
  | { kind: "reaction-shown"; from: EndpointId; reaction: Reaction; at: number }
  | { kind: "reactions-faded"; before: number }
  | { kind: "stats-measured"; stats: MeetingStats }
  | { kind: "noticed"; notice: NoticeKind; name: string; at: number };

const MAX_CHAT = 1000;
const MAX_NOTICES = 100;

function noticed(state: Conference, kind: NoticeKind, name: string, at: number): Conference {
  return {
    ...state,
    nextId: state.nextId + 1,
    notices: [...state.notices.slice(-MAX_NOTICES + 1), { id: state.nextId, kind, name, at }],
  };
}

/** What is large for everybody now: our own wish, or that of the moderator who came first. */
export function spotlightOf(state: Conference): Spotlight | null {
  if (state.ownSpotlight) return state.ownSpotlight;
  return state.participants.find((each) => each.isModerator && each.spotlight)?.spotlight ?? null;
}

export function isSharing(sources: SourceInfo): boolean {
  return Object.values(sources).some((source) => source.videoType === "desktop" && !source.muted);
}

function endpointChanged(state: Conference, participant: Participant, at: number): Conference {
  const before = state.participants.find((each) => each.id === participant.id);
  if (!before) {
    const next = { ...state, participants: [...state.participants, participant] };
    // Whoever was here before us is not news.
    return state.phase === "joined" ? noticed(next, "joined", participant.displayName, at) : next;
  }
  let next: Conference = {
    ...state,
    participants: state.participants.map((each) =>
      each.id === participant.id ? { ...participant, isReachable: each.isReachable } : each,
    ),
  };
  if (before.raisedHandAt === null && participant.raisedHandAt !== null) {
    next = noticed(next, "hand-raised", participant.displayName, at);
  }
  if (isSharing(before.sources) !== isSharing(participant.sources)) {
    next = noticed(
      next,
      isSharing(participant.sources) ? "sharing-started" : "sharing-stopped",
      participant.displayName,
      at,
    );
  }
  return next;
}

function endpointLeft(
  state: Conference,
  endpoint: EndpointId,
  wasRemoved: boolean,
  at: number,
): Conference {
  const gone = state.participants.find((each) => each.id === endpoint);
  if (!gone) return state;
  const next: Conference = {
    ...state,
    participants: state.participants.filter((each) => each.id !== endpoint),
    dominantSpeaker: state.dominantSpeaker === endpoint ? null : state.dominantSpeaker,
    speaking: state.speaking.filter((each) => each !== endpoint),
  };
  return noticed(next, wasRemoved ? "removed-other" : "left", gone.displayName, at);
}

function changed(
  reasons: Conference["pictureReasons"],
  changes: Readonly<Record<SourceName, PictureReason | null>>,
): Conference["pictureReasons"] {
  const next: Record<SourceName, PictureReason> = { ...reasons };
  for (const [source, reason] of Object.entries(changes)) {
    if (reason) next[source] = reason;
    else delete next[source];
  }
  return next;
}

export function apply(state: Conference, event: ConferenceEvent): Conference {
  switch (event.kind) {
    case "connecting":
      return {
        ...state,
        phase: "connecting",
        problem: null,
        reason: "",
        attempt: 0,
        room: event.room,
        displayName: event.displayName,
      };
    case "asked-to-wait":
      return { ...state, phase: state.phase === "reconnecting" ? state.phase : "waiting" };
    case "entering":
      return {
        ...state,
        ownId: event.ownId,
        participants: [],
        dominantSpeaker: null,
        speaking: [],
        mediaPath: "none",
        isMediaInterrupted: false,
        pictureReasons: {},
      };
    case "joined": {
      const next: Conference = {
        ...state,
        phase: "joined",
        attempt: 0,
        problem: null,
        joinedAt: state.joinedAt ?? event.at,
      };
      return state.phase === "reconnecting" ? noticed(next, "back-online", "", event.at) : next;
    }
    case "connection-lost":
      return { ...state, phase: "reconnecting", attempt: 0 };
    case "reconnecting":
      return { ...state, phase: "reconnecting", attempt: event.attempt };
    case "removed":
      return {
        ...state,
        phase: "removed",
        reason: event.reason,
        participants: [],
        mediaPath: "none",
      };
    case "left":
      return { ...state, phase: "left", participants: [], mediaPath: "none" };
    case "failed":
      return {
        ...state,
        phase: "error",
        problem: event.problem,
        reason: event.reason,
        participants: [],
        mediaPath: "none",
      };
    case "endpoint-changed":
      return endpointChanged(state, event.participant, event.at);
    case "endpoint-left":
      return endpointLeft(state, event.endpoint, event.wasRemoved, event.at);
    case "own-role-changed": {
      if (state.isModerator === event.isModerator) return state;
      const next: Conference = {
        ...state,
        isModerator: event.isModerator,
        ownSpotlight: event.isModerator ? state.ownSpotlight : null,
      };
      return event.isModerator && state.phase === "joined"
        ? noticed(next, "now-moderator", "", event.at)
        : next;
    }
    case "own-name-changed":
      return { ...state, displayName: event.displayName };
    case "own-hand-changed":
      return { ...state, raisedHandAt: event.raisedHandAt };
    case "own-spotlight-changed":
      return { ...state, ownSpotlight: event.spotlight };
    case "local-media-changed":
      return { ...state, local: event.local };
    case "speaker-changed":
      return { ...state, dominantSpeaker: event.endpoint };
    case "speaking-changed":
      return { ...state, speaking: event.endpoints };
    case "media-path-changed":
      // Without a bridge there is nobody who would choose pictures for us.
      return {
        ...state,
        mediaPath: event.path,
        pictureReasons: event.path === "bridge" ? state.pictureReasons : {},
      };
    case "media-interrupted": {
      if (state.isMediaInterrupted === event.interrupted) return state;
      return noticed(
        { ...state, isMediaInterrupted: event.interrupted },
        event.interrupted ? "media-interrupted" : "media-restored",
        "",
        event.at,
      );
    }
    case "reachability-changed":
      return {
        ...state,
        participants: state.participants.map((each) =>
          each.id === event.endpoint ? { ...each, isReachable: event.isReachable } : each,
        ),
      };
    case "picture-reasons-unknown":
      return { ...state, pictureReasons: {} };
    case "picture-reasons-changed":
      return { ...state, pictureReasons: changed(state.pictureReasons, event.changes) };
    case "chat-received":
      // After a reconnection the room tells its history again.
      if (event.entry.id !== "" && state.chat.some((each) => each.id === event.entry.id)) {
        return state;
      }
      return { ...state, chat: [...state.chat.slice(-MAX_CHAT + 1), event.entry] };
    case "reaction-shown":
      return {
        ...state,
        nextId: state.nextId + 1,
        reactions: [
          ...state.reactions,
          { id: state.nextId, from: event.from, reaction: event.reaction, at: event.at },
        ],
      };
    case "reactions-faded":
      return {
        ...state,
        reactions: state.reactions.filter((each) => each.at > event.before),
      };
    case "stats-measured":
      return { ...state, stats: event.stats };
    case "noticed":
      return noticed(state, event.notice, event.name, event.at);
    default:
      return unreachable(event);
  }
}

/** The compiler proves that every kind of event has its case. */
function unreachable(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}

export type { EndpointId, PictureReason, Reaction, SourceName, Spotlight, VideoType };

/**
 * The meeting as this participant knows it: plain data, changed only by events.
 *
 * What cannot be plain data (tracks, connections) lives beside it; this can be written to JSON,
 * replayed in a test and compared.
 */
import type { AvModerationMessage } from "../protocol/av-moderation";
import type { PictureReason } from "../protocol/bridge-channel";
import type { Spotlight } from "../protocol/follow-me";
import type { EndpointId, SourceName, VideoType } from "../protocol/ids";
import type { Reaction } from "../protocol/messages";
import type { RoomInfo } from "../protocol/room-info";
import type { RoomMetadata } from "../protocol/room-metadata";
import { isInMeeting } from "./state/breakouts";
import { camerasTold } from "./state/cameras";
import { captioned } from "./state/captions";
import { type ChatEntry, lineChanged, lineReceived, lineRefused } from "./state/chat";
import { type Conference, initialConference } from "./state/conference";
import type { ConferenceEvent } from "./state/events";
import { applyFile, NO_FILES } from "./state/files";
import { applyLobby, EMPTY_LOBBY } from "./state/lobby";
import { reasonsChanged } from "./state/media";
import { type NoticeKind, noticed } from "./state/notices";
import { endpointChanged, endpointLeft, type Participant } from "./state/people";
import { applyEarlier, applyPoll, type PollEvent } from "./state/polls";
import { applyAvModeration, NO_RULES } from "./state/rules";
import { speakerChanged, timesTold } from "./state/speaker-times";

/** Each room has its own chat, polls and files; those of the room we leave wait for us. */
function moving(state: Conference, room: string, name: string): Conference {
  const { here } = state.breakouts;
  return {
    ...state,
    phase: "moving",
    breakouts: { ...state.breakouts, here: room, hereName: name },
    chat: state.otherChats[room] ?? [],
    otherChats: { ...state.otherChats, [here]: state.chat },
    polls: [],
    files: NO_FILES,
    participants: [],
    raisedHandAt: null,
  };
}

/** What is large for everybody now: our own wish, or that of the moderator who came first. */
export function spotlightOf(state: Conference): Spotlight | null {
  if (state.ownSpotlight) return state.ownSpotlight;
  return state.participants.find((each) => each.isModerator && each.spotlight)?.spotlight ?? null;
}

function avModerated(state: Conference, message: AvModerationMessage, at: number): Conference {
  const rules = applyAvModeration(state.rules, message);
  const next = { ...state, rules };
  const before = state.rules.speech[message.media];
  const now = rules.speech[message.media];
  if (state.isModerator || message.kind === "allowed") return next;
  if (before.isOn !== now.isOn) {
    return noticed(next, `${now.isOn ? "ask-first" : "free"}-${message.media}`, "", at);
  }
  // Told while nobody has to ask, it is an invitation to switch on.
  if (message.kind !== "own") return next;
  if (message.isAllowed) return noticed(next, `allowed-${message.media}`, "", at);
  return before.isAllowed ? noticed(next, "allowed-no-more", "", at) : next;
}

function roomDescribed(state: Conference, room: RoomInfo, at: number): Conference {
  const before = state.rules.room;
  const next = { ...state, rules: { ...state.rules, room } };
  // What was so when we came into this room is no news.
  if (before.meetingId !== room.meetingId || before.isBreakout !== room.isBreakout) return next;
  if (state.phase !== "joined" || before.hasPassword === room.hasPassword) return next;
  return noticed(next, room.hasPassword ? "password-set" : "password-removed", "", at);
}

function metadataTold(state: Conference, metadata: RoomMetadata, at: number): Conference {
  const before = state.rules.metadata;
  const next = { ...state, rules: { ...state.rules, metadata } };
  // Everybody is told, also whoever comes when it is so already.
  return metadata.isAttendanceKept && !before.isAttendanceKept
    ? noticed(next, "attendance-on", "", at)
    : next;
}

function polled(state: Conference, event: PollEvent, at: number): Conference {
  if (event.kind === "earlier") {
    return { ...state, earlierPolls: applyEarlier(state.earlierPolls, event.earlier) };
  }
  const next = { ...state, polls: applyPoll(state.polls, event, state.ownId) };
  if (event.kind === "opened" && event.poll.from !== state.ownId) {
    const name = state.participants.find((each) => each.id === event.poll.from)?.displayName;
    return noticed(next, "poll-opened", name ?? event.poll.fromName, at);
  }
  if (event.kind !== "closed") return next;
  const question = state.polls.find((poll) => poll.id === event.pollId)?.question ?? "";
  return noticed(next, "poll-closed", question, at);
}

export function apply(state: Conference, event: ConferenceEvent): Conference {
  switch (event.kind) {
    case "connecting":
      return {
        ...state,
        phase: "connecting",
        isServerSilent: false,
        problem: null,
        reason: "",
        attempt: 0,
        room: event.room,
        displayName: event.displayName,
      };
    case "server-silent":
      return state.isServerSilent === event.isSilent
        ? state
        : { ...state, isServerSilent: event.isSilent };
    case "asked-to-wait":
      return state.phase === "reconnecting" || state.phase === "moving"
        ? state
        : { ...state, phase: "waiting", waitsForHost: event.forHost };
    case "question-asked":
      return { ...state, phase: "asked", question: event.question };
    case "knocking":
      return { ...state, phase: "knocking", waitsForHost: event.waitsForHost };
    case "moving":
      return moving(state, event.room, event.name);
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
        // The room tells whoever enters what holds in it.
        rules: { ...state.rules, speech: NO_RULES.speech },
        withoutCamera: {},
        lobby: state.phase === "knocking" ? state.lobby : EMPTY_LOBBY,
      };
    case "joined": {
      const next: Conference = {
        ...state,
        phase: "joined",
        attempt: 0,
        problem: null,
        question: null,
        lobby: EMPTY_LOBBY,
        joinedAt: state.joinedAt ?? event.at,
      };
      if (state.phase === "reconnecting") return noticed(next, "back-online", "", event.at);
      if (state.phase !== "moving") return next;
      const { here, hereName } = state.breakouts;
      return noticed(
        next,
        here === "" ? "breakout-returned" : "breakout-entered",
        hereName,
        event.at,
      );
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
        removedBy: event.by,
        isBanned: event.isBanned,
        participants: [],
        mediaPath: "none",
      };
    case "banned":
      return {
        ...state,
        banned: [...state.banned.filter((each) => each.jid !== event.who.jid), event.who],
      };
    case "ban-lifted":
      return { ...state, banned: state.banned.filter((each) => each.jid !== event.jid) };
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
      return endpointChanged(
        state,
        event.participant,
        isInMeeting(state.breakouts, event.participant.id),
        event.at,
      );
    case "endpoint-left":
      return endpointLeft(state, event.endpoint, event.how, event.at);
    case "own-role-changed": {
      if (state.isModerator === event.isModerator) return state;
      const next: Conference = {
        ...state,
        isModerator: event.isModerator,
        ownSpotlight: event.isModerator ? state.ownSpotlight : null,
      };
      if (state.phase !== "joined") return next;
      return noticed(next, event.isModerator ? "now-moderator" : "moderator-no-more", "", event.at);
    }
    case "own-name-changed":
      return { ...state, displayName: event.displayName };
    case "own-hand-changed":
      return { ...state, raisedHandAt: event.raisedHandAt, handStampedAt: null };
    case "own-hand-stamped":
      return state.handStampedAt === event.at ? state : { ...state, handStampedAt: event.at };
    case "own-spotlight-changed":
      return { ...state, ownSpotlight: event.spotlight };
    case "local-media-changed":
      return { ...state, local: event.local };
    case "speaker-changed":
      return {
        ...state,
        dominantSpeaker: event.endpoint,
        speakerTimes: speakerChanged(state.speakerTimes, event.endpoint, event.at),
      };
    case "speaking-changed":
      return { ...state, speaking: event.endpoints };
    case "media-path-changed":
      // Without a bridge there is nobody who would choose pictures for us.
      return {
        ...state,
        mediaPath: event.path,
        pictureReasons: event.path === "bridge" ? state.pictureReasons : {},
      };
    case "encryption-changed":
      return { ...state, encryption: event.encryption };
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
      return { ...state, pictureReasons: reasonsChanged(state.pictureReasons, event.changes) };
    case "chat-received":
      return { ...state, chat: lineReceived(state.chat, event.entry) };
    case "chat-changed":
      return { ...state, chat: lineChanged(state.chat, event.change, event.byModerator) };
    case "chat-line-refused":
      return { ...state, chat: lineRefused(state.chat, event.id) };
    case "av-moderation":
      return avModerated(state, event.message, event.at);
    case "room-described":
      return roomDescribed(state, event.room, event.at);
    case "metadata-told":
      return metadataTold(state, event.metadata, event.at);
    case "lobby":
      return { ...state, lobby: applyLobby(state.lobby, event.event) };
    case "cameras-told":
      return camerasTold(state, event.missing, event.at);
    case "breakouts-told":
      return { ...state, breakouts: { ...state.breakouts, plan: event.plan } };
    case "poll":
      return polled(state, event.event, event.at);
    case "file": {
      const next = { ...state, files: applyFile(state.files, event.event) };
      return event.event.kind === "added" && event.event.file.from !== state.ownId
        ? noticed(next, "file-shared", event.event.file.fromName, event.at)
        : next;
    }
    case "speaker-times-told":
      return { ...state, speakerTimes: timesTold(event.times, state.dominantSpeaker, event.at) };
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
    case "captioned":
      return { ...state, captions: captioned(state.captions, event.line, event.at) };
    case "captions-faded": {
      const captions = state.captions.filter((each) => each.at > event.before);
      return captions.length === state.captions.length ? state : { ...state, captions };
    }
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

export type { Phase, Problem, Question, ShownReaction } from "./state/conference";
export type {
  DeviceState,
  Health,
  LocalMediaState,
  MediaPath,
  MeetingStats,
  PathStats,
  SourceStats,
} from "./state/media";
export type { Notice } from "./state/notices";
export { isSharing } from "./state/people";
export type {
  ChatEntry,
  Conference,
  ConferenceEvent,
  EndpointId,
  NoticeKind,
  Participant,
  PictureReason,
  Reaction,
  SourceName,
  Spotlight,
  VideoType,
};
export { initialConference };

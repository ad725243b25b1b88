/** Everything that can happen in a meeting. */
import type { AvModerationMessage } from "../../protocol/av-moderation";
import type { BreakoutPlan } from "../../protocol/breakouts";
import type { PictureReason } from "../../protocol/bridge-channel";
import type { WithoutCamera } from "../../protocol/cameras";
import type { CaptionLine } from "../../protocol/captions";
import type { Spotlight } from "../../protocol/follow-me";
import type { EndpointId, SourceName } from "../../protocol/ids";
import type { ChatChange, Reaction } from "../../protocol/messages";
import type { RoomInfo } from "../../protocol/room-info";
import type { RoomMetadata } from "../../protocol/room-metadata";
import type { SpeakerTime } from "../../protocol/speaker-time";
import type { EncryptionState } from "../e2ee/state";
import type { ChatEntry } from "./chat";
import type { Banned, Problem, Question } from "./conference";
import type { FileEvent } from "./files";
import type { LobbyEvent } from "./lobby";
import type { LocalMediaState, MediaPath, MeetingStats } from "./media";
import type { NoticeKind } from "./notices";
import type { Departure, Participant } from "./people";
import type { PollEvent } from "./polls";

export type ConferenceEvent =
  | { kind: "connecting"; room: string; displayName: string }
  /** Nothing has come of the server for a while, on the way in; or something again. */
  | { kind: "server-silent"; isSilent: boolean }
  | { kind: "asked-to-wait"; forHost: boolean }
  | { kind: "question-asked"; question: Question }
  | { kind: "knocking"; waitsForHost: boolean }
  /** To another room of the same meeting; `room` is its address, empty for the main room. */
  | { kind: "moving"; room: string; name: string }
  /** A new seat in the room: whoever was known before may not be there any more. */
  | { kind: "entering"; ownId: EndpointId }
  | { kind: "joined"; at: number }
  | { kind: "connection-lost" }
  | { kind: "reconnecting"; attempt: number }
  | { kind: "removed"; reason: string; by: string; isBanned: boolean }
  /** We have removed somebody for good, or allow them to come back. */
  | { kind: "banned"; who: Banned }
  | { kind: "ban-lifted"; jid: string }
  | { kind: "left" }
  | { kind: "failed"; problem: Problem; reason: string }
  | { kind: "endpoint-changed"; participant: Participant; at: number }
  | { kind: "endpoint-left"; endpoint: EndpointId; how: Departure; at: number }
  | { kind: "own-role-changed"; isModerator: boolean; at: number }
  | { kind: "own-name-changed"; displayName: string }
  | { kind: "own-hand-changed"; raisedHandAt: number | null }
  | { kind: "own-hand-stamped"; at: number | null }
  | { kind: "own-spotlight-changed"; spotlight: Spotlight | null }
  | { kind: "local-media-changed"; local: LocalMediaState }
  | { kind: "speaker-changed"; endpoint: EndpointId | null; at: number }
  | { kind: "speaking-changed"; endpoints: readonly EndpointId[] }
  | { kind: "media-path-changed"; path: MediaPath }
  | { kind: "encryption-changed"; encryption: EncryptionState }
  | { kind: "media-interrupted"; interrupted: boolean; at: number }
  | { kind: "reachability-changed"; endpoint: EndpointId; isReachable: boolean }
  /** The bridge channel is new: it tells all reasons again. */
  | { kind: "picture-reasons-unknown" }
  | {
      kind: "picture-reasons-changed";
      changes: Readonly<Record<SourceName, PictureReason | null>>;
    }
  | { kind: "chat-received"; entry: ChatEntry }
  | { kind: "chat-changed"; change: ChatChange; byModerator: boolean }
  | { kind: "chat-line-refused"; id: string }
  | { kind: "reaction-shown"; from: EndpointId; reaction: Reaction; at: number }
  | { kind: "reactions-faded"; before: number }
  | { kind: "av-moderation"; message: AvModerationMessage; at: number }
  | { kind: "room-described"; room: RoomInfo; at: number }
  | { kind: "metadata-told"; metadata: RoomMetadata; at: number }
  | { kind: "lobby"; event: LobbyEvent }
  | { kind: "cameras-told"; missing: WithoutCamera; at: number }
  | { kind: "breakouts-told"; plan: BreakoutPlan }
  | { kind: "poll"; event: PollEvent; at: number }
  | { kind: "file"; event: FileEvent; at: number }
  | { kind: "speaker-times-told"; times: readonly SpeakerTime[]; at: number }
  | { kind: "captioned"; line: CaptionLine; at: number }
  | { kind: "captions-faded"; before: number }
  | { kind: "stats-measured"; stats: MeetingStats }
  | { kind: "noticed"; notice: NoticeKind; name: string; at: number };

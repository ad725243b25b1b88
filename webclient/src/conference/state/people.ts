/** Who is here, in the order in which they came: people do not change place. */
import type { Spotlight } from "../../protocol/follow-me";
import type { EndpointId } from "../../protocol/ids";
import type { SourceInfo } from "../../protocol/presence";
import { noticed, type WithNotices } from "./notices";

export interface Participant {
  readonly id: EndpointId;
  readonly displayName: string;
  /** Real address, for what the room does by it; empty when the room does not tell. */
  readonly realJid: string;
  readonly isModerator: boolean;
  readonly sources: SourceInfo;
  readonly raisedHandAt: number | null;
  /** It says that it encrypts end to end. */
  readonly encrypts?: boolean;
  /** False while the bridge hears nothing from it. */
  readonly isReachable: boolean;
  /** What this occupant shows to all, whether it may or not. */
  readonly spotlight?: Spotlight | null;
}

export interface People extends WithNotices {
  readonly phase: string;
  readonly participants: readonly Participant[];
  readonly dominantSpeaker: EndpointId | null;
  readonly speaking: readonly EndpointId[];
}

export function isSharing(sources: SourceInfo): boolean {
  return Object.values(sources).some((source) => source.videoType === "desktop" && !source.muted);
}

export function endpointChanged<S extends People>(
  state: S,
  participant: Participant,
  /** Known from another room of this meeting. */
  isNoNewcomer: boolean,
  at: number,
): S {
  const before = state.participants.find((each) => each.id === participant.id);
  if (!before) {
    const next = { ...state, participants: [...state.participants, participant] };
    // Whoever was here before us is not news.
    return state.phase === "joined" && !isNoNewcomer
      ? noticed(next, "joined", participant.displayName, at)
      : next;
  }
  let next: S = {
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

export type Departure =
  | "left"
  | "removed"
  /** To another room of the same meeting. */
  | "moved";

export function endpointLeft<S extends People>(
  state: S,
  endpoint: EndpointId,
  how: Departure,
  at: number,
): S {
  const gone = state.participants.find((each) => each.id === endpoint);
  if (!gone) return state;
  const next: S = {
    ...state,
    participants: state.participants.filter((each) => each.id !== endpoint),
    dominantSpeaker: state.dominantSpeaker === endpoint ? null : state.dominantSpeaker,
    speaking: state.speaking.filter((each) => each !== endpoint),
  };
  if (how === "moved") return next;
  return noticed(next, how === "removed" ? "removed-other" : "left", gone.displayName, at);
}

/** People in the order in which they want to speak; whoever raised the hand first is first. */
export function handsInOrder<T extends { raisedHandAt: number | null }>(people: readonly T[]): T[] {
  return people
    .filter((each) => each.raisedHandAt !== null)
    .sort((a, b) => (a.raisedHandAt ?? 0) - (b.raisedHandAt ?? 0));
}

/** How long each has been the dominant speaker: what the server told, counted on from there. */
import type { EndpointId } from "../../protocol/ids";
import type { SpeakerTime } from "../../protocol/speaker-time";

export interface SpeakerTimes {
  /** Told by the server or counted here, without what runs now. */
  readonly done: Readonly<Record<EndpointId, number>>;
  /** Names of those the server told of; they may be gone. */
  readonly names: Readonly<Record<EndpointId, string>>;
  readonly speaker: EndpointId | null;
  readonly since: number;
}

export const NO_SPEAKER_TIMES: SpeakerTimes = { done: {}, names: {}, speaker: null, since: 0 };

export function timesTold(
  times: readonly SpeakerTime[],
  speaker: EndpointId | null,
  at: number,
): SpeakerTimes {
  return {
    done: Object.fromEntries(times.map(({ id, ms }) => [id, ms])),
    names: Object.fromEntries(times.map(({ id, name }) => [id, name])),
    speaker,
    since: at,
  };
}

export function speakerChanged(
  times: SpeakerTimes,
  speaker: EndpointId | null,
  at: number,
): SpeakerTimes {
  return { ...times, done: timesAt(times, at), speaker, since: at };
}

/** Milliseconds of each until `at`. */
export function timesAt(times: SpeakerTimes, at: number): Readonly<Record<EndpointId, number>> {
  const { done, speaker, since } = times;
  if (speaker === null) return done;
  return { ...done, [speaker]: (done[speaker] ?? 0) + Math.max(0, at - since) };
}

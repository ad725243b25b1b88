/** Who speaks, from what is heard: works the same with and without the bridge. */
import type { EndpointId } from "../protocol/ids";
import { LevelMeter } from "./level-meter";
import type { LocalMedia } from "./local-media";
import type { Seat } from "./seat";
import type { Participant } from "./state";
import type { Store } from "./store";

export const LISTEN_MS = 400;
const SPEAKING_LEVEL = 0.02;
/** A pause between two words is not the end of speaking. */
const SPEAKING_HOLD_MS = 700;
/** How many of those who are silent are listened to in one turn. */
const SILENT_PER_TURN = 3;

/**
 * Whom to listen to in one turn: who speaks, and of the silent ones some after the others. Each
 * question stops the page until another thread has answered, so their number must not grow with
 * the meeting.
 */
export function nextToHear(
  open: readonly EndpointId[],
  isSpeaking: (id: EndpointId) => boolean,
  turn: number,
): Set<EndpointId> {
  const silent = open.filter((id) => !isSpeaking(id));
  const count = Math.min(SILENT_PER_TURN, silent.length);
  const from = count === 0 ? 0 : (turn * count) % silent.length;
  return new Set([...open.filter(isSpeaking), ...[...silent, ...silent].slice(from, from + count)]);
}

function hasOpenMicrophone({ id, sources }: Participant): boolean {
  const audio = Object.entries(sources).filter(([name]) => name.startsWith(`${id}-a`));
  return audio.length === 0 || audio.some(([, { muted }]) => !muted);
}

export class WhoSpeaks {
  private readonly lastLoud = new Map<EndpointId, number>();
  private ownMeter: LevelMeter | null = null;
  private turn = 0;

  constructor(
    private readonly store: Store,
    private readonly localMedia: LocalMedia,
  ) {}

  /** To be called every `LISTEN_MS`. */
  listen(seat: Seat | null): void {
    if (!seat?.media || this.store.state.phase !== "joined") return;
    const now = Date.now();
    const { participants, dominantSpeaker, speaking: spoke } = this.store.state;
    const heard = nextToHear(
      participants.filter(hasOpenMicrophone).map(({ id }) => id),
      (id) => id === dominantSpeaker || spoke.includes(id),
      this.turn++,
    );
    const levels = seat.media.audioLevels((id) => heard.has(id));
    if (this.ownMeter && this.store.state.local.microphone === "on") {
      levels.set(seat.nick, this.ownMeter.level());
    }
    for (const [endpoint, level] of levels) {
      if (level > SPEAKING_LEVEL) this.lastLoud.set(endpoint, now);
    }
    const speaking = [...this.lastLoud]
      .filter(([endpoint, at]) => now - at < SPEAKING_HOLD_MS && levels.has(endpoint))
      .map(([endpoint]) => endpoint)
      .sort();
    if (speaking.join() !== this.store.state.speaking.join()) {
      this.store.dispatch({ kind: "speaking-changed", endpoints: speaking });
    }
    const only = this.store.state.participants[0];
    if (this.store.state.mediaPath === "p2p" && only && speaking.includes(only.id)) {
      if (this.store.state.dominantSpeaker !== only.id) {
        this.store.dispatch({ kind: "speaker-changed", endpoint: only.id, at: now });
      }
    }
  }

  /** Of the own microphone as others get it; null while there is none. */
  ownLevel(): number | null {
    return this.ownMeter?.level() ?? null;
  }

  /** The own microphone has perhaps changed. */
  followOwn(): void {
    const track = this.localMedia.microphoneTrack;
    if (this.ownMeter?.track === track) return;
    this.ownMeter?.close();
    this.ownMeter = track ? new LevelMeter(track) : null;
  }

  close(): void {
    this.ownMeter?.close();
    this.ownMeter = null;
  }
}

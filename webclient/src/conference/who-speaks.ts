/** Who speaks, from what is heard: works the same with and without the bridge. */
import type { EndpointId } from "../protocol/ids";
import { LevelMeter } from "./level-meter";
import type { LocalMedia } from "./local-media";
import type { Seat } from "./seat";
import type { Store } from "./store";

export const LISTEN_MS = 400;
const SPEAKING_LEVEL = 0.02;
/** A pause between two words is not the end of speaking. */
const SPEAKING_HOLD_MS = 700;

export class WhoSpeaks {
  private readonly lastLoud = new Map<EndpointId, number>();
  private ownMeter: LevelMeter | null = null;

  constructor(
    private readonly store: Store,
    private readonly localMedia: LocalMedia,
  ) {}

  /** To be called every `LISTEN_MS`. */
  listen(seat: Seat | null): void {
    if (!seat?.media || this.store.state.phase !== "joined") return;
    const now = Date.now();
    const muted = new Set(
      this.store.state.participants.flatMap(({ sources }) =>
        Object.keys(sources).filter((name) => sources[name]?.muted),
      ),
    );
    const levels = seat.media.audioLevels((source) => muted.has(source));
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

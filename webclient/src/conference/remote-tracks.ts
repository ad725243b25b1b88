/** The tracks of the others that may be seen and heard. */
import type { SourceName } from "../protocol/ids";
import { isReadable } from "./e2ee/state";
import type { Media } from "./media";
import type { Conference, Participant } from "./state";
import type { Store } from "./store";

export class RemoteTracks {
  private readonly listeners = new Set<() => void>();

  /** `hiddenChanged` is called when others can be read than before. */
  constructor(
    private readonly store: Store,
    private readonly media: () => Media | null,
    hiddenChanged: () => void,
  ) {
    let hidden = "";
    store.subscribe((state) => {
      const ids = unreadable(state)
        .map(({ id }) => id)
        .join();
      if (ids === hidden) return;
      hidden = ids;
      this.changed();
      hiddenChanged();
    });
  }

  /** By source; whoever encrypts, or does not while we do, is left out. */
  get bySource(): ReadonlyMap<SourceName, MediaStreamTrack> {
    const tracks = this.media()?.remoteTracks() ?? new Map();
    const hidden = unreadable(this.store.state);
    if (hidden.length === 0) return tracks;
    return new Map(
      [...tracks].filter(([source]) => !hidden.some(({ id }) => source.startsWith(`${id}-`))),
    );
  }

  /** Returns the way to stop it. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }
}

function unreadable({ encryption, participants }: Conference): Participant[] {
  return participants.filter((each) => !isReadable(encryption, each));
}

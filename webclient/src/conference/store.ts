/** Holds the one state; tells listeners after each change. */
import { apply, type Conference, type ConferenceEvent, initialConference } from "./state";

export type Dispatch = (event: ConferenceEvent) => void;

export class Store {
  private current: Conference = initialConference;
  private readonly listeners = new Set<(state: Conference) => void>();

  get state(): Conference {
    return this.current;
  }

  readonly dispatch: Dispatch = (event) => {
    const next = apply(this.current, event);
    if (next === this.current) return;
    this.current = next;
    for (const listener of this.listeners) listener(next);
  };

  /** Calls `listener` at once and after every change; returns the way to stop it. */
  subscribe(listener: (state: Conference) => void): () => void {
    this.listeners.add(listener);
    listener(this.current);
    return () => this.listeners.delete(listener);
  }
}

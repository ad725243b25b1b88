/** Holds the one state; tells listeners after each change. */
import type { EndpointId } from "../protocol/ids";
import {
  apply,
  type Conference,
  type ConferenceEvent,
  initialConference,
  type NoticeKind,
  type Participant,
} from "./state";

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

  /** One of the others; undefined when nobody there has this id. */
  participant(id: EndpointId | undefined): Participant | undefined {
    return this.current.participants.find((each) => each.id === id);
  }

  /** Say something to the person here; `name` is that of whom it is about. */
  notice(notice: NoticeKind, name = ""): void {
    this.dispatch({ kind: "noticed", notice, name, at: Date.now() });
  }

  /** Calls `listener` at once and after every change; returns the way to stop it. */
  subscribe(listener: (state: Conference) => void): () => void {
    this.listeners.add(listener);
    listener(this.current);
    return () => this.listeners.delete(listener);
  }
}

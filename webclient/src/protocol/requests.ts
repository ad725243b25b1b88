/** Requests that wait for their answer (IQ semantics, RFC 6120 §8.2.3). */
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

export class StanzaError extends Error {
  constructor(
    readonly condition: string,
    readonly detail: string,
  ) {
    super(detail === "" ? condition : `${condition}: ${detail}`);
    this.name = "StanzaError";
  }
}

type Waiting = { resolve(iq: Xml): void; reject(error: Error): void; timer: number };

export class Requests {
  private readonly waiting = new Map<string, Waiting>();
  private nextId = 1;

  /** While `isPaused` says so no answer can come: the time for it begins anew. */
  constructor(
    private readonly send: (iq: Xml) => void,
    private readonly isPaused: () => boolean,
  ) {}

  /** Resolves with the result; rejects with StanzaError, also when no answer comes in time. */
  make(
    type: "get" | "set",
    to: string,
    payload: Xml | readonly Xml[],
    timeoutMs: number,
  ): Promise<Xml> {
    const id = `t${this.nextId++}`;
    const children = Array.isArray(payload) ? (payload as readonly Xml[]) : [payload as Xml];
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { resolve, reject, timer: 0 };
      this.waiting.set(id, waiting);
      this.giveTime(id, waiting, timeoutMs);
      this.send(xml("iq", { xmlns: NS.client, type, to, id }, ...children));
    });
  }

  /** True when the stanza is an answer, also to what nobody waits for any more. */
  answered(stanza: Xml): boolean {
    const { type, id } = stanza.attrs;
    if (stanza.name !== "iq" || (type !== "result" && type !== "error")) return false;
    const waiting = id === undefined ? undefined : this.waiting.get(id);
    if (!waiting || id === undefined) return true;
    this.waiting.delete(id);
    window.clearTimeout(waiting.timer);
    if (type === "result") waiting.resolve(stanza);
    else waiting.reject(stanzaError(stanza));
    return true;
  }

  /** Nobody will answer any more. */
  fail(detail: string): void {
    for (const { reject, timer } of this.waiting.values()) {
      window.clearTimeout(timer);
      reject(new StanzaError("not-connected", detail));
    }
    this.waiting.clear();
  }

  private giveTime(id: string, waiting: Waiting, timeoutMs: number): void {
    waiting.timer = window.setTimeout(() => {
      if (this.isPaused()) {
        this.giveTime(id, waiting, timeoutMs);
        return;
      }
      this.waiting.delete(id);
      waiting.reject(new StanzaError("remote-server-timeout", ""));
    }, timeoutMs);
  }
}

function stanzaError(iq: Xml): StanzaError {
  const error = child(iq, "error");
  const condition = elements(error).find((each) => each.name !== "text");
  return new StanzaError(condition?.name ?? "undefined-condition", text(child(error, "text")));
}

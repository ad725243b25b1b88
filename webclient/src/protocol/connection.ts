/**
 * The XMPP connection: one WebSocket (RFC 7395), anonymous login, stanzas as plain data.
 *
 * Holds no rule of the conference. It answers pings and matches IQ results to requests; every
 * other stanza goes to `onStanza`. A lost connection is final: whoever uses it makes a new one.
 */
import { Strophe } from "strophe.js";
import { NS } from "./ns";
import { child, elements, fromDom, serialize, text, type Xml, xml } from "./xml";

export class StanzaError extends Error {
  constructor(
    readonly condition: string,
    readonly detail: string,
  ) {
    super(detail === "" ? condition : `${condition}: ${detail}`);
    this.name = "StanzaError";
  }
}

export type ConnectionLoss = "refused" | "unreachable" | "lost" | "closed";

export interface ConnectionEvents {
  connected(jid: string): void;
  /** Called once. `detail` is what the server said, if it said anything. */
  disconnected(why: ConnectionLoss, detail: string): void;
  stanza(stanza: Xml): void;
}

const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
const PING_FAILURES = 2;
const CONNECT_TIMEOUT_MS = 15_000;

type Waiting = { resolve(iq: Xml): void; reject(error: Error): void; timer: number };

export class XmppConnection {
  private readonly strophe: InstanceType<typeof Strophe.Connection>;
  private readonly waiting = new Map<string, Waiting>();
  private readonly domain: string;
  private nextId = 1;
  private lastHeard = 0;
  private pingFailures = 0;
  private pingTimer = 0;
  private connectTimer = 0;
  private ended = false;
  private established = false;

  constructor(
    url: string,
    domain: string,
    private readonly events: ConnectionEvents,
  ) {
    this.domain = domain;
    this.strophe = new Strophe.Connection(url, { mechanisms: [Strophe.SASLAnonymous] });
  }

  connect(): void {
    this.connectTimer = window.setTimeout(() => this.end("unreachable", ""), CONNECT_TIMEOUT_MS);
    this.strophe.connect(this.domain, "", (status: number, condition: unknown) => {
      this.status(status, typeof condition === "string" ? condition : "");
    });
  }

  /** Say goodbye and close. Pending requests fail. */
  disconnect(): void {
    this.end("closed", "");
  }

  send(stanza: Xml): void {
    if (this.ended || !this.established) return;
    this.strophe.send(toDom(stanza));
  }

  /** Resolves with the result; rejects with StanzaError, also when no answer comes in time. */
  request(
    type: "get" | "set",
    to: string,
    payload: Xml | readonly Xml[],
    timeoutMs = 10_000,
  ): Promise<Xml> {
    const id = `t${this.nextId++}`;
    const children = Array.isArray(payload) ? (payload as readonly Xml[]) : [payload as Xml];
    return new Promise((resolve, reject) => {
      if (this.ended || !this.established) {
        reject(new StanzaError("not-connected", ""));
        return;
      }
      const timer = window.setTimeout(() => {
        this.waiting.delete(id);
        reject(new StanzaError("remote-server-timeout", ""));
      }, timeoutMs);
      this.waiting.set(id, { resolve, reject, timer });
      this.send(xml("iq", { xmlns: NS.client, type, to, id }, ...children));
    });
  }

  /** Answer an IQ: with a payload, an empty result, or an error condition. */
  reply(iq: Xml, answer?: Xml): void {
    const { from, id } = iq.attrs;
    this.send(xml("iq", { xmlns: NS.client, type: "result", to: from, id }, answer));
  }

  refuse(iq: Xml, condition: string, type = "cancel", extra?: Xml): void {
    const { from, id } = iq.attrs;
    this.send(
      xml(
        "iq",
        { xmlns: NS.client, type: "error", to: from, id },
        xml("error", { type }, xml(condition, { xmlns: NS.stanzas }), extra),
      ),
    );
  }

  private status(status: number, condition: string): void {
    switch (status) {
      case Strophe.Status.CONNECTED:
        if (this.ended) return;
        window.clearTimeout(this.connectTimer);
        this.established = true;
        this.lastHeard = Date.now();
        this.strophe.addHandler((element: Element) => this.received(element), null, null, null);
        this.pingTimer = window.setInterval(() => this.checkAlive(), PING_INTERVAL_MS);
        this.events.connected(this.strophe.jid);
        break;
      case Strophe.Status.AUTHFAIL:
        this.end("refused", condition);
        break;
      case Strophe.Status.CONNFAIL:
      case Strophe.Status.ERROR:
        this.end(this.established ? "lost" : "unreachable", condition);
        break;
      case Strophe.Status.DISCONNECTED:
        this.end(this.established ? "lost" : "unreachable", condition);
        break;
      default:
        break;
    }
  }

  private received(element: Element): boolean {
    this.lastHeard = Date.now();
    this.pingFailures = 0;
    const stanza = fromDom(element);
    if (!this.answered(stanza)) this.events.stanza(stanza);
    return true;
  }

  /** True when the stanza was a result that somebody waits for, or a ping. */
  private answered(stanza: Xml): boolean {
    if (stanza.name !== "iq") return false;
    const { type, id } = stanza.attrs;
    if (type === "get" && child(stanza, "ping", NS.ping)) {
      this.reply(stanza);
      return true;
    }
    if (type !== "result" && type !== "error") return false;
    const waiting = id === undefined ? undefined : this.waiting.get(id);
    if (!waiting || id === undefined) return true;
    this.waiting.delete(id);
    window.clearTimeout(waiting.timer);
    if (type === "result") waiting.resolve(stanza);
    else waiting.reject(stanzaError(stanza));
    return true;
  }

  private checkAlive(): void {
    if (Date.now() - this.lastHeard < PING_INTERVAL_MS) return;
    this.request("get", this.domain, xml("ping", { xmlns: NS.ping }), PING_TIMEOUT_MS).catch(() => {
      this.pingFailures += 1;
      if (this.pingFailures >= PING_FAILURES) this.end("lost", "ping timeout");
    });
  }

  private end(why: ConnectionLoss, detail: string): void {
    if (this.ended) return;
    this.ended = true;
    window.clearTimeout(this.connectTimer);
    window.clearInterval(this.pingTimer);
    for (const { reject, timer } of this.waiting.values()) {
      window.clearTimeout(timer);
      reject(new StanzaError("not-connected", detail));
    }
    this.waiting.clear();
    // Queued stanzas (the leave) go out before the stream is closed.
    if (this.established) this.strophe.flush();
    this.strophe.disconnect(why);
    this.events.disconnected(why, detail);
  }
}

function stanzaError(iq: Xml): StanzaError {
  const error = child(iq, "error");
  const condition = elements(error).find((each) => each.name !== "text");
  return new StanzaError(condition?.name ?? "undefined-condition", text(child(error, "text")));
}

function toDom(stanza: Xml): Element {
  return new DOMParser().parseFromString(serialize(stanza), "text/xml").documentElement;
}

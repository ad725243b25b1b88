/**
 * The XMPP connection: a WebSocket (RFC 7395) or, where there are none, BOSH (XEP-0124); anonymous
 * login, stanzas as plain data.
 *
 * Holds no rule of the conference. It answers pings and gives answers to whoever asked; every
 * other stanza goes to `events.stanza`. A socket that is lost is replaced by another on which the
 * session is resumed (XEP-0198): what is sent meanwhile goes out afterwards. Only when that is no
 * longer possible the connection is lost; whoever uses it makes a new one.
 */
import { Strophe } from "strophe.js";
import { NS } from "./ns";
import { Requests, StanzaError } from "./requests";
import { Resumption } from "./resumption";
import { child, fromDom, serialize, type Xml, xml } from "./xml";

export type ConnectionLoss = "refused" | "unreachable" | "lost" | "closed";

export interface ConnectionEvents {
  connected(jid: string): void;
  /** The socket is gone; the session is being resumed. `attempt` counts from 1. */
  interrupted(attempt: number): void;
  /** The session goes on, as if nothing had happened. */
  resumed(): void;
  /** Called once. `detail` is what the server said, if it said anything. */
  disconnected(why: ConnectionLoss, detail: string): void;
  stanza(stanza: Xml): void;
}

/** Where the server is. */
export interface Service {
  readonly websocket: string;
  /** For networks without WebSockets; empty when there is none. */
  readonly bosh: string;
  readonly domain: string;
  /** Query parameters of either address. */
  readonly query: Readonly<Record<string, string>>;
}

const PING_INTERVAL_MS = 5_000;
const PING_TIMEOUT_MS = 5_000;
/** When something says that the network is another now. */
const PROBE_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 15_000;
/** For a WebSocket when there is another way, and for a socket to resume on. */
const SOCKET_TIMEOUT_MS = 6_000;
const RETRY_MS = [0, 500, 1_000, 2_000, 3_000] as const;

type State = "connecting" | "up" | "interrupted" | "ended";

/** What Strophe has for this, but not for everybody: drop the socket without a farewell. */
type Droppable = { _doDisconnect(condition?: string): void };

export class XmppConnection {
  private strophe: InstanceType<typeof Strophe.Connection>;
  private readonly resumption: Resumption;
  private readonly requests = new Requests(
    (iq) => this.send(iq),
    () => this.state === "interrupted",
  );
  private readonly unsent: Xml[] = [];
  private state: State = "connecting";
  private usesBosh = false;
  private attempt = 0;
  private lastHeard = 0;
  private isProbing = false;
  private pingTimer = 0;
  private connectTimer = 0;
  private retryTimer = 0;
  private readonly stopWatching: () => void;

  /** `former` is the id of the session that this page had before, which ends now. */
  constructor(
    private readonly service: Service,
    private readonly events: ConnectionEvents,
    former = "",
  ) {
    this.resumption = new Resumption(former);
    this.strophe = this.newStrophe();
    const online = (): void => this.networkChanged();
    window.addEventListener("online", online);
    const network = (navigator as { connection?: EventTarget }).connection;
    network?.addEventListener?.("change", online);
    this.stopWatching = () => {
      window.removeEventListener("online", online);
      network?.removeEventListener?.("change", online);
    };
  }

  /** Proves to the server whose session this was; empty when it cannot be resumed. */
  get sessionId(): string {
    return this.resumption.id;
  }

  get isInterrupted(): boolean {
    return this.state === "interrupted";
  }

  connect(): void {
    const tries = !this.usesBosh && this.service.bosh !== "" ? SOCKET_TIMEOUT_MS : 0;
    this.connectTimer = window.setTimeout(
      () => this.unreachable(""),
      tries === 0 ? CONNECT_TIMEOUT_MS : tries,
    );
    this.dial();
  }

  /** Do not sit out the pause before the next socket. */
  resumeNow(): void {
    if (this.state === "interrupted") this.retry(0);
  }

  /** Say goodbye and close. Pending requests fail. */
  disconnect(): void {
    this.end("closed", "");
  }

  send(stanza: Xml): void {
    if (this.state === "interrupted") this.unsent.push(stanza);
    else if (this.state === "up") this.strophe.send(toDom(stanza));
  }

  /** Resolves with the result; rejects with StanzaError, also when no answer comes in time. */
  request(
    type: "get" | "set",
    to: string,
    payload: Xml | readonly Xml[],
    timeoutMs = 10_000,
  ): Promise<Xml> {
    if (this.state !== "up" && this.state !== "interrupted") {
      return Promise.reject(new StanzaError("not-connected", ""));
    }
    return this.requests.make(type, to, payload, timeoutMs);
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

  private newStrophe(): InstanceType<typeof Strophe.Connection> {
    return new Strophe.Connection(this.address(), {
      mechanisms: [Strophe.SASLAnonymous],
      explicitResourceBinding: true,
      enableStreamManagement: true,
      streamManagement: { storage: this.resumption },
    });
  }

  private address(): string {
    const base = this.usesBosh ? this.service.bosh : this.service.websocket;
    const query = new URLSearchParams(this.service.query);
    if (this.resumption.previd !== "") query.set("previd", this.resumption.previd);
    const text = query.toString();
    return text === "" ? base : `${base}?${text}`;
  }

  private dial(): void {
    const { strophe } = this;
    strophe.service = this.address();
    const told = (status: number, condition: unknown, element?: unknown): void => {
      if (strophe === this.strophe) this.status(status, reasonOf(condition, element));
    };
    strophe.connect(this.service.domain, "", told);
  }

  private status(status: number, condition: string): void {
    if (this.state === "ended") return;
    switch (status) {
      case Strophe.Status.BINDREQUIRED:
        // Asked for by whoever has nothing to resume, or was refused that.
        if (this.state === "connecting") this.strophe.bind();
        else this.end("lost", "item-not-found");
        break;
      case Strophe.Status.CONNECTED:
        this.up();
        break;
      case Strophe.Status.AUTHFAIL:
        if (this.state === "connecting") this.end("refused", condition);
        else this.end("lost", condition);
        break;
      case Strophe.Status.CONNFAIL:
      case Strophe.Status.ERROR:
        // The socket's end follows; what the server says at the login does not change any more.
        if (this.state === "connecting") this.unreachable(condition);
        break;
      case Strophe.Status.DISCONNECTED:
        if (this.state === "connecting") this.unreachable(condition);
        else this.lost(condition);
        break;
      default:
        break;
    }
  }

  private up(): void {
    window.clearTimeout(this.connectTimer);
    const isNew = this.state === "connecting";
    this.state = "up";
    this.attempt = 0;
    this.lastHeard = Date.now();
    this.strophe.addHandler((element: Element) => this.received(element), null, null, null);
    if (isNew) {
      this.pingTimer = window.setInterval(() => this.checkAlive(), PING_INTERVAL_MS);
      this.events.connected(this.strophe.jid);
      return;
    }
    for (const stanza of this.unsent.splice(0)) this.send(stanza);
    this.events.resumed();
  }

  private received(element: Element): boolean {
    this.lastHeard = Date.now();
    const stanza = fromDom(element);
    if (!this.answered(stanza)) this.events.stanza(stanza);
    return true;
  }

  /** True when the stanza was an answer that somebody waits for, or a ping. */
  private answered(stanza: Xml): boolean {
    if (stanza.name === "iq" && stanza.attrs.type === "get" && child(stanza, "ping", NS.ping)) {
      this.reply(stanza);
      return true;
    }
    return this.requests.answered(stanza);
  }

  private checkAlive(): void {
    if (Date.now() - this.lastHeard >= PING_INTERVAL_MS) this.probe(PING_TIMEOUT_MS);
  }

  /** The machine has another way to the network, or one again. */
  private networkChanged(): void {
    if (this.state === "up") this.probe(PROBE_TIMEOUT_MS);
    this.resumeNow();
  }

  /** A server that does not answer is no longer at the other end of this socket. */
  private probe(timeoutMs: number): void {
    if (this.isProbing || this.state !== "up") return;
    this.isProbing = true;
    const asked = Date.now();
    this.request("get", this.service.domain, xml("ping", { xmlns: NS.ping }), timeoutMs).then(
      () => {
        this.isProbing = false;
      },
      () => {
        this.isProbing = false;
        if (this.state === "up" && this.lastHeard < asked) this.drop();
      },
    );
  }

  private drop(): void {
    (this.strophe as unknown as Droppable)._doDisconnect("ping timeout");
  }

  /** Nobody answers at first: by another way, if there is one. */
  private unreachable(detail: string): void {
    window.clearTimeout(this.connectTimer);
    if (this.usesBosh || this.service.bosh === "") {
      this.end("unreachable", detail);
      return;
    }
    this.usesBosh = true;
    const former = this.strophe;
    this.strophe = this.newStrophe();
    former.disconnect("");
    this.connect();
  }

  private lost(detail: string): void {
    const now = Date.now();
    if (this.state === "up") this.resumption.interruptedAt = now;
    if (!this.resumption.isPossible(now)) {
      this.end("lost", detail);
      return;
    }
    window.clearTimeout(this.connectTimer);
    this.state = "interrupted";
    this.attempt += 1;
    this.events.interrupted(this.attempt);
    const pause = RETRY_MS[Math.min(this.attempt, RETRY_MS.length) - 1]!;
    // Jitter: after a restart of the server not everybody comes at the same instant.
    this.retry(pause + Math.random() * Math.max(200, pause / 2));
  }

  private retry(pauseMs: number): void {
    window.clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => {
      if (this.state !== "interrupted") return;
      window.clearTimeout(this.connectTimer);
      this.connectTimer = window.setTimeout(() => this.drop(), SOCKET_TIMEOUT_MS);
      this.strophe.reset();
      this.dial();
    }, pauseMs);
  }

  private end(why: ConnectionLoss, detail: string): void {
    if (this.state === "ended") return;
    const wasUp = this.state === "up";
    this.state = "ended";
    this.stopWatching();
    window.clearTimeout(this.connectTimer);
    window.clearTimeout(this.retryTimer);
    window.clearInterval(this.pingTimer);
    this.requests.fail(detail);
    // Queued stanzas (the leave) go out before the stream is closed.
    if (wasUp) this.strophe.flush();
    this.strophe.disconnect(why);
    this.events.disconnected(why, detail);
  }
}

function toDom(stanza: Xml): Element {
  return new DOMParser().parseFromString(serialize(stanza), "text/xml").documentElement;
}

/** What the server says; why a login failed stands inside its `<failure/>` (RFC 6120, 6.5). */
function reasonOf(condition: unknown, element: unknown): string {
  if (typeof condition === "string") return condition;
  return (element as Element | null | undefined)?.querySelector?.("text")?.textContent ?? "";
}

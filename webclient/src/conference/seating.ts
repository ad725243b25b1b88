/**
 * Getting in and staying in: the connection, the conference asked of the focus, the seat in the
 * room, and all of it anew when the way there is lost.
 */
import { SWITCH_ROOM } from "../protocol/breakouts";
import type { SiteConfig } from "../protocol/config";
import { type ConnectionLoss, type Service, XmppConnection } from "../protocol/connection";
import { endpointIdFor, randomHex8 } from "../protocol/ids";
import { buildLeave } from "../protocol/presence";
import { StanzaError } from "../protocol/requests";
import { buildServicesRequest, type IceServer, parseServices } from "../protocol/services";
import type { Xml } from "../protocol/xml";
import { requestConference } from "./conference-request";
import { keepFormerSession, takeFormerSession } from "./former-session";
import type { Media } from "./media";
import { type Seat, takeSeat } from "./seat";
import type { Phase, Problem } from "./state";
import type { Store } from "./store";

export interface SeatingEvents {
  /** A server is reached; the seat has its address there. */
  connected(seat: Seat): void;
  /** The focus is ready: ask the room for the seat, and get ready for its offer. */
  entering(seat: Seat): void;
  /** The connection was away, and nothing of it is lost. */
  resumed(seat: Seat): void;
  stanza(seat: Seat, stanza: Xml): void;
  tracksChanged(): void;
  failed(problem: Problem, reason: string): void;
}

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;
/** Whoever waits so long for the server's first answer is told. */
const UNANSWERED_MS = 6_000;
/** How long a lost socket is nobody's business. */
const UNNOTICED_MS = 1_500;

/** Not inside yet: a connection that is lost for a moment is not worth words. */
const ON_THE_WAY: readonly Phase[] = ["connecting", "waiting", "asked", "knocking"];

export class Seating {
  private current: Seat | null = null;
  private retired: Seat | null = null;
  private attempt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  /** The room of the meeting where we are or want to be. */
  private whereTo: string;
  /** Another room to which we were sent while on the way; empty: none. */
  private sentOn = "";

  /** `room` is the address of the main room; `token` may be empty. */
  constructor(
    private readonly store: Store,
    private readonly config: SiteConfig,
    private readonly room: string,
    private readonly token: string,
    private readonly events: SeatingEvents,
  ) {
    this.whereTo = room;
  }

  get seat(): Seat | null {
    return this.current;
  }

  /** The media that is seen and heard: that of the seat before, until the new one is taken. */
  get media(): Media | null {
    return this.current?.media ?? this.retired?.media ?? null;
  }

  connect(): void {
    this.expectAnswer();
    const former = this.current?.connection.sessionId || takeFormerSession();
    const seat = takeSeat(
      this.whereTo,
      (own) =>
        new XmppConnection(
          this.service,
          {
            connected: (jid) => void this.connected(own(), jid),
            interrupted: (attempt) => this.interrupted(own(), attempt),
            resumed: () => this.resumed(own()),
            disconnected: (why, detail) => this.lost(own(), why, detail),
            stanza: (stanza) => {
              if (own() === this.current) this.events.stanza(own(), stanza);
            },
          },
          former,
        ),
    );
    if (this.current?.room === seat.room) seat.password = this.current.password;
    // The old media keeps flowing until the new seat is taken.
    if (this.current?.media) this.retired = this.current;
    this.current = seat;
    seat.connection.connect();
  }

  /** Ask for the seat, again perhaps. */
  enter(seat: Seat): void {
    this.retired?.media?.close();
    this.retired = null;
    this.events.entering(seat);
  }

  /** Somebody else has our nick: try with another. */
  enterAs(seat: Seat): void {
    seat.nick = randomHex8();
    this.enter(seat);
  }

  /** The room has given it. */
  seated(): void {
    this.attempt = 0;
    const { sentOn } = this;
    this.sentOn = "";
    if (sentOn !== "") this.moveTo(sentOn);
  }

  /** To another room of the same meeting; the main room has its own address. */
  moveTo(room: string): void {
    const { current: seat } = this;
    const { phase, breakouts } = this.store.state;
    if (phase === "moving") {
      this.sentOn = room;
      return;
    }
    if (!seat?.isJoined || phase !== "joined" || room === "" || room === seat.room) return;
    const name = breakouts.plan.rooms.find((each) => each.jid === room)?.name ?? "";
    seat.connection.send(buildLeave(`${seat.room}/${seat.nick}`, SWITCH_ROOM));
    seat.media?.close();
    seat.media = null;
    seat.isJoined = false;
    seat.password = "";
    seat.room = room;
    this.whereTo = room;
    this.store.dispatch({ kind: "moving", room: room === this.room ? "" : room, name });
    this.events.tracksChanged();
    void this.request(seat);
  }

  /** Ask for the conference in the seat's room, then for the seat. */
  async request(seat: Seat, services?: Promise<IceServer[]>): Promise<void> {
    const { room } = seat;
    const isWanted = (): boolean => seat === this.current && seat.room === room;
    try {
      const focus = await requestConference(
        seat.connection,
        this.config.focus,
        room,
        this.token,
        isWanted,
        (forHost) => this.store.dispatch({ kind: "asked-to-wait", forHost }),
      );
      if (focus === null) return;
      seat.focusJid = focus;
    } catch (error) {
      if (!isWanted()) return;
      const { condition, detail } =
        error instanceof StanzaError ? error : { condition: "", detail: String(error) };
      if (condition === "not-connected") return;
      if (room !== this.room) {
        // That room is gone; the meeting goes on in the main one.
        this.whereTo = seat.room = this.room;
        this.store.dispatch({ kind: "moving", room: "", name: "" });
        await this.request(seat, services);
        return;
      }
      this.events.failed("conference-failed", detail);
      return;
    }
    if (services) seat.iceServers = await services;
    if (isWanted()) this.enter(seat);
  }

  /** The seat is lost; take another one, as soon as the server lets us. */
  lost(seat: Seat, why: ConnectionLoss, detail: string): void {
    if (seat !== this.current || seat.isLost) return;
    seat.isLost = true;
    const { phase } = this.store.state;
    if (phase === "removed" || phase === "left" || phase === "error") return;
    if (why === "refused") {
      this.events.failed("refused", detail);
      return;
    }
    if (phase === "joined" || phase === "moving") {
      this.attempt = 0;
      this.store.dispatch({ kind: "connection-lost" });
    }
    this.attempt += 1;
    if (ON_THE_WAY.includes(phase)) this.expectAnswer();
    else this.store.dispatch({ kind: "reconnecting", attempt: this.attempt });
    if (why !== "closed") seat.connection.disconnect();
    const pause = RETRY_MS[Math.min(this.attempt - 1, RETRY_MS.length - 1)]!;
    clearTimeout(this.retryTimer);
    // Jitter: after a restart of the server not everybody comes at the same instant.
    this.retryTimer = setTimeout(() => this.connect(), pause * (0.75 + Math.random() / 2));
  }

  /** The network is back: no need to sit out the pause. */
  cameOnline(): void {
    if (!this.current?.isLost) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  /** The person does not want to wait for the next attempt, nor for the end of this one. */
  tryNow(): void {
    const { current: seat } = this;
    if (!seat) return;
    if (seat.connection.isInterrupted) {
      seat.connection.resumeNow();
      return;
    }
    if (!seat.isLost) {
      seat.isLost = true;
      seat.connection.disconnect();
    }
    this.cameOnline();
  }

  /** The page is being closed: say goodbye while there is still time. */
  unload(): void {
    const { current: seat } = this;
    if (!seat) return;
    keepFormerSession(seat.connection.sessionId);
    if (seat.isJoined) seat.connection.send(buildLeave(`${seat.room}/${seat.nick}`));
    seat.connection.disconnect();
  }

  /** Leave the seat for good. */
  end(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
    const { current: seat } = this;
    this.retired?.media?.close();
    this.retired = null;
    seat?.media?.close();
    if (seat?.isJoined) seat.connection.send(buildLeave(`${seat.room}/${seat.nick}`));
    this.current = null;
    seat?.connection.disconnect();
  }

  /** Whoever has a token logs in at the main domain, guests at theirs. */
  private get service(): Service {
    const { websocket, bosh, domain, guestDomain } = this.config;
    const { token } = this;
    const query = { room: this.room.split("@")[0]!, ...(token === "" ? {} : { token }) };
    return { websocket, bosh, domain: token === "" ? guestDomain : domain, query };
  }

  /** On the way in: if the server keeps silent, the person is told. */
  private expectAnswer(): void {
    if (this.silenceTimer !== undefined) return;
    this.silenceTimer = setTimeout(() => {
      if (!ON_THE_WAY.includes(this.store.state.phase)) return;
      this.store.dispatch({ kind: "server-silent", isSilent: true });
    }, UNANSWERED_MS);
  }

  private answered(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = undefined;
    this.store.dispatch({ kind: "server-silent", isSilent: false });
  }

  private async connected(seat: Seat, jid: string): Promise<void> {
    this.answered();
    seat.ownJid = jid;
    seat.nick = endpointIdFor(jid);
    this.events.connected(seat);
    const services = seat.connection
      .request("get", this.config.domain, buildServicesRequest())
      .then(parseServices)
      .catch((): IceServer[] => []);
    await this.request(seat, services);
  }

  /** The socket is gone. Most often another one takes its place before anybody notices. */
  private interrupted(seat: Seat, attempt: number): void {
    if (seat !== this.current || seat.isLost) return;
    if (ON_THE_WAY.includes(this.store.state.phase)) this.expectAnswer();
    const tell = (): void => {
      if (seat !== this.current || !seat.connection.isInterrupted) return;
      const { phase } = this.store.state;
      if (phase !== "joined" && phase !== "reconnecting") return;
      this.store.dispatch({ kind: "reconnecting", attempt });
    };
    if (attempt > 1) tell();
    else setTimeout(tell, UNNOTICED_MS);
  }

  private resumed(seat: Seat): void {
    if (seat !== this.current) return;
    this.answered();
    seat.media?.serverIsBack();
    this.events.resumed(seat);
    if (this.store.state.phase === "reconnecting" && seat.isJoined) {
      this.store.dispatch({ kind: "joined", at: Date.now() });
    }
  }
}

/**
 * One meeting from this participant's side: the connection, the seat in the room and the media,
 * put together. Everything the interface may ask for is a method here; everything it may show is
 * in the store's state or in `tracks`.
 */
import { type ReceiverConstraints, reactionForStockClients } from "../protocol/bridge-channel";
import { capsVer, discoAnswer } from "../protocol/caps";
import type { SiteConfig } from "../protocol/config";
import { type ConnectionLoss, StanzaError, XmppConnection } from "../protocol/connection";
import { type MuteKind, parseMute } from "../protocol/focus";
import {
  bareOf,
  type EndpointId,
  endpointIdFor,
  FOCUS_NICK,
  randomHex8,
  roomNode,
  type SourceName,
} from "../protocol/ids";
import { buildChat, buildReaction, type Reaction } from "../protocol/messages";
import { NS } from "../protocol/ns";
import { buildLeave } from "../protocol/presence";
import { buildServicesRequest, type IceServer, parseServices } from "../protocol/services";
import { child, type Xml } from "../protocol/xml";
import { requestConference } from "./conference-request";
import type { LocalMedia } from "./local-media";
import { MEASURE_MS, Measuring } from "./measuring";
import { Media } from "./media";
import { Moderation } from "./moderation";
import { Occupants } from "./occupants";
import { OwnPresence } from "./own-presence";
import { RoomMessages } from "./room-messages";
import { isFocusReal, type Seat, takeSeat } from "./seat";
import type { NoticeKind, Problem, Spotlight } from "./state";
import { Store } from "./store";
import { LISTEN_MS, WhoSpeaks } from "./who-speaks";

export interface MeetingOptions {
  readonly room: string;
  readonly displayName: string;
  readonly p2p: boolean;
}

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;
const CONNECT_ATTEMPTS = 4;

type Timer = ReturnType<typeof setTimeout>;

export class Meeting {
  readonly store = new Store();
  private seat: Seat | null = null;
  private retired: Seat | null = null;
  private readonly listeners = new Set<() => void>();
  private attempt = 0;
  private retryTimer: Timer | undefined;
  private constraints: ReceiverConstraints | null = null;
  private readonly intervals: Timer[] = [];
  private stopLocal: () => void = () => undefined;

  private readonly speakers: WhoSpeaks;
  private readonly moderation: Moderation;
  private readonly messages = new RoomMessages(this.store);
  private readonly measuring = new Measuring(this.store);
  private readonly occupants: Occupants;
  private ownPresence: OwnPresence | null = null;

  constructor(
    private readonly config: SiteConfig,
    readonly localMedia: LocalMedia,
    private readonly options: MeetingOptions,
  ) {
    this.speakers = new WhoSpeaks(this.store, localMedia);
    this.moderation = new Moderation(this.store, localMedia, this.room);
    this.occupants = new Occupants(this.store, {
      seated: (seat) => this.seated(seat),
      nickTaken: (seat) => {
        seat.nick = randomHex8();
        this.enter(seat);
      },
      removed: (by) => {
        this.end();
        this.store.dispatch({ kind: "removed", reason: by });
      },
      failed: (problem, reason) => this.fail(problem, reason),
      forgotten: (seat) => this.disconnected(seat, "lost", ""),
    });
  }

  get room(): string {
    return `${roomNode(this.options.room)}@${this.config.muc}`;
  }

  get peerConnections(): { bridge: RTCPeerConnection | null; p2p: RTCPeerConnection | null } {
    const media = this.seat?.media ?? this.retired?.media;
    return media?.peerConnections ?? { bridge: null, p2p: null };
  }

  /** Remote tracks by source; the interface asks again when `onTracks` calls. */
  get tracks(): ReadonlyMap<SourceName, MediaStreamTrack> {
    return (this.seat?.media ?? this.retired?.media)?.remoteTracks() ?? new Map();
  }

  onTracks(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async join(): Promise<void> {
    const { displayName } = this.options;
    this.store.dispatch({ kind: "connecting", room: this.options.room, displayName });
    this.store.dispatch({ kind: "local-media-changed", local: this.localMedia.state });
    const stopListening = this.localMedia.subscribe(() => this.localChanged());
    const online = (): void => this.cameOnline();
    window.addEventListener("online", online);
    this.stopLocal = () => {
      stopListening();
      window.removeEventListener("online", online);
    };
    this.intervals.push(
      setInterval(() => this.measuring.measure(this.seat), MEASURE_MS),
      setInterval(() => this.speakers.listen(this.seat), LISTEN_MS),
    );
    this.ownPresence = new OwnPresence(this.store, this.room, await capsVer());
    this.connect();
  }

  /** Leave at once: tell the room, close everything, give the devices back. */
  leave(): void {
    this.end();
    this.store.dispatch({ kind: "left" });
  }

  /** The page is being closed: say goodbye while there is still time. */
  unload(): void {
    const { seat } = this;
    if (!seat) return;
    if (seat.isJoined) seat.connection.send(buildLeave(`${this.room}/${seat.nick}`));
    seat.connection.disconnect();
  }

  async setMicrophone(on: boolean): Promise<void> {
    const state = await this.localMedia.set("microphone", on);
    if (on && state !== "on" && state !== "off") this.notice(`microphone-${state}`);
    if (on && state === "on") this.moderation.lift(this.seat, "audio");
  }

  async setCamera(on: boolean): Promise<void> {
    const state = await this.localMedia.set("camera", on);
    if (on && state !== "on" && state !== "off") this.notice(`camera-${state}`);
    if (on && state === "on") this.moderation.lift(this.seat, "video");
  }

  async setShare(on: boolean): Promise<void> {
    if (!on) {
      this.localMedia.stopShare();
      return;
    }
    const result = await this.localMedia.startShare();
    if (result === "failed") this.notice("share-failed");
    if (result === "on") this.moderation.lift(this.seat, "desktop");
  }

  setHand(raised: boolean): void {
    this.store.dispatch({
      kind: "own-hand-changed",
      raisedHandAt: raised ? Date.now() : null,
    });
    this.sendPresence();
  }

  /** Show somebody large to all, or (null) let everybody choose again; for moderators. */
  setSpotlight(spotlight: Spotlight | null): void {
    this.store.dispatch({ kind: "own-spotlight-changed", spotlight });
    this.sendPresence();
  }

  setDisplayName(displayName: string): void {
    this.store.dispatch({ kind: "own-name-changed", displayName });
    this.sendPresence();
  }

  /** True when the message is on its way; it is shown when the room repeats it. */
  say(body: string): boolean {
    const { seat } = this;
    if (!seat?.isJoined || body.trim() === "") return false;
    seat.connection.send(buildChat(this.room, crypto.randomUUID(), body));
    return true;
  }

  react(reaction: Reaction): void {
    const { seat } = this;
    if (!seat?.isJoined) return;
    seat.connection.send(buildReaction(this.room, reaction));
    seat.media?.sendBridgeMessage(reactionForStockClients(reaction, Date.now()));
  }

  async muteOther(endpoint: EndpointId, kind: MuteKind): Promise<void> {
    if (this.seat) await this.moderation.mute(this.seat, endpoint, kind);
  }

  async removeOther(endpoint: EndpointId): Promise<void> {
    if (this.seat) await this.moderation.remove(this.seat, endpoint);
  }

  /** What the page shows, so that nothing larger is sent. */
  constrain(constraints: ReceiverConstraints): void {
    this.constraints = constraints;
    this.seat?.media?.constrain(constraints);
  }

  notice(notice: NoticeKind, name = ""): void {
    this.store.notice(notice, name);
  }

  private connect(): void {
    const node = encodeURIComponent(roomNode(this.options.room));
    const seat = takeSeat(
      (own) =>
        new XmppConnection(`${this.config.websocket}?room=${node}`, this.config.domain, {
          connected: (jid) => void this.connected(own(), jid),
          disconnected: (why, detail) => this.disconnected(own(), why, detail),
          stanza: (stanza) => this.received(own(), stanza),
        }),
    );
    // The old media keeps flowing until the new seat is taken.
    if (this.seat?.media) this.retired = this.seat;
    this.seat = seat;
    seat.connection.connect();
  }

  private async connected(seat: Seat, jid: string): Promise<void> {
    seat.ownJid = jid;
    seat.nick = endpointIdFor(jid);
    const services = seat.connection
      .request("get", this.config.domain, buildServicesRequest())
      .then(parseServices)
      .catch((): IceServer[] => []);
    try {
      const focus = await requestConference(
        seat.connection,
        this.config.focus,
        this.room,
        () => seat === this.seat,
        () => this.store.dispatch({ kind: "asked-to-wait" }),
      );
      if (focus === null) return;
      seat.focusJid = focus;
    } catch (error) {
      if (seat !== this.seat) return;
      const { condition, detail } =
        error instanceof StanzaError ? error : { condition: "", detail: String(error) };
      if (condition === "not-connected") return;
      this.fail(condition === "not-authorized" ? "not-allowed" : "conference-failed", detail);
      return;
    }
    seat.iceServers = await services;
    if (seat === this.seat) this.enter(seat);
  }

  private enter(seat: Seat): void {
    this.retired?.media?.close();
    this.retired = null;
    this.store.dispatch({ kind: "entering", ownId: seat.nick });
    seat.media = new Media(
      {
        connection: seat.connection,
        endpoint: seat.nick,
        ownJid: seat.ownJid,
        room: this.room,
        iceServers: seat.iceServers,
        backToP2PDelayMs: this.config.backToP2PDelayMs,
        company: () => ({
          ownId: seat.nick,
          isEnabled: this.options.p2p && this.config.p2pEnabled,
          others: this.store.state.participants.map(({ id }) => ({ id, isBot: seat.bots.has(id) })),
        }),
        isFocus: (jid) => this.isFocus(seat, jid),
      },
      this.localMedia,
      this.store.dispatch,
      {
        tracksChanged: () => this.tracksChanged(),
        bridgeMessage: (message) => this.messages.receiveFromBridge(message),
        lost: (everWorked) => {
          if (everWorked) this.disconnected(seat, "lost", "media");
          else if (seat === this.seat) this.fail("media-failed", "");
        },
      },
    );
    if (this.constraints) seat.media.constrain(this.constraints);
    this.tracksChanged();
    this.ownPresence?.join(seat);
  }

  private seated(seat: Seat): void {
    this.attempt = 0;
    this.sendPresence();
    seat.media?.companyChanged();
  }

  private isFocus(seat: Seat, jid: string): boolean {
    return jid === `${this.room}/${FOCUS_NICK}` && isFocusReal(seat);
  }

  private disconnected(seat: Seat, why: ConnectionLoss, detail: string): void {
    if (seat !== this.seat || seat.isLost) return;
    seat.isLost = true;
    const { phase } = this.store.state;
    if (phase === "removed" || phase === "left" || phase === "error") return;
    if (why === "refused") {
      this.fail("refused", detail);
      return;
    }
    if (phase === "connecting" || phase === "waiting") {
      this.attempt += 1;
      if (this.attempt >= CONNECT_ATTEMPTS) {
        this.fail("unreachable", detail);
        return;
      }
    } else {
      if (phase === "joined") {
        this.attempt = 0;
        this.store.dispatch({ kind: "connection-lost" });
      }
      this.attempt += 1;
      this.store.dispatch({ kind: "reconnecting", attempt: this.attempt });
    }
    if (why !== "closed") seat.connection.disconnect();
    const pause = RETRY_MS[Math.min(this.attempt - 1, RETRY_MS.length - 1)]!;
    clearTimeout(this.retryTimer);
    // Jitter: after a restart of the server not everybody comes at the same instant.
    this.retryTimer = setTimeout(() => this.connect(), pause * (0.75 + Math.random() / 2));
  }

  /** The network is back: no need to sit out the pause. */
  private cameOnline(): void {
    if (this.store.state.phase !== "reconnecting") return;
    clearTimeout(this.retryTimer);
    if (this.seat?.isLost) this.connect();
  }

  private received(seat: Seat, stanza: Xml): void {
    if (seat !== this.seat) return;
    const from = stanza.attrs.from ?? "";
    switch (stanza.name) {
      case "presence":
        if (bareOf(from).toLowerCase() === this.room) this.occupants.receive(seat, stanza);
        break;
      case "message":
        if (bareOf(from).toLowerCase() === this.room) this.messages.receive(seat, stanza);
        break;
      case "iq":
        this.iq(seat, stanza);
        break;
      default:
        break;
    }
  }

  private iq(seat: Seat, iq: Xml): void {
    const { type, from = "" } = iq.attrs;
    const disco = child(iq, "query", NS.discoInfo);
    const mute = parseMute(iq);
    if (type === "get" && disco) {
      seat.connection.reply(iq, discoAnswer(disco));
    } else if (type === "set" && child(iq, "jingle", NS.jingle)) {
      if (seat.media) seat.media.receive(iq);
      else seat.connection.refuse(iq, "item-not-found");
    } else if (type === "set" && mute) {
      if (!this.isFocus(seat, from)) {
        seat.connection.refuse(iq, "not-allowed", "auth");
        return;
      }
      seat.connection.reply(iq);
      this.moderation.mutedBy(mute.kind, mute.actor);
    } else {
      seat.connection.refuse(iq, "service-unavailable");
    }
  }

  private localChanged(): void {
    this.store.dispatch({ kind: "local-media-changed", local: this.localMedia.state });
    this.speakers.followOwn();
    this.tracksChanged();
    void this.seat?.media?.updateLocal().then(() => this.sendPresence());
    this.sendPresence();
  }

  private sendPresence(): void {
    if (this.seat) this.ownPresence?.update(this.seat);
  }

  private tracksChanged(): void {
    for (const listener of this.listeners) listener();
  }

  private fail(problem: Problem, reason: string): void {
    this.end();
    this.store.dispatch({ kind: "failed", problem, reason });
  }

  private end(): void {
    clearTimeout(this.retryTimer);
    for (const interval of this.intervals.splice(0)) clearInterval(interval);
    this.stopLocal();
    this.speakers.close();
    const { seat } = this;
    this.retired?.media?.close();
    this.retired = null;
    seat?.media?.close();
    if (seat?.isJoined) seat.connection.send(buildLeave(`${this.room}/${seat.nick}`));
    this.seat = null;
    seat?.connection.disconnect();
    this.localMedia.release();
    this.tracksChanged();
  }
}

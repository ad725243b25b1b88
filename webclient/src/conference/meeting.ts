/**
 * One meeting from this participant's side: the connection, the seat in the room and the media,
 * put together. Everything the interface may ask for is a method here; everything it may show is
 * in the store's state or in `tracks`.
 */
import {
  type BridgeMessage,
  type ReceiverConstraints,
  reactionForStockClients,
} from "../protocol/bridge-channel";
import { capsVer, discoAnswer } from "../protocol/caps";
import type { SiteConfig } from "../protocol/config";
import { type ConnectionLoss, StanzaError, XmppConnection } from "../protocol/connection";
import {
  buildConferenceRequest,
  buildMute,
  type MuteKind,
  parseConferenceReply,
  parseMute,
} from "../protocol/focus";
import {
  bareOf,
  type EndpointId,
  endpointIdFor,
  FOCUS_NICK,
  randomHex8,
  resourceOf,
  roomNode,
  type SourceName,
  sourceName,
} from "../protocol/ids";
import {
  buildChat,
  buildReaction,
  parseMessage,
  type Reaction,
  type RoomMessage,
} from "../protocol/messages";
import { NS } from "../protocol/ns";
import {
  buildKick,
  buildLeave,
  buildPresence,
  type OccupantGone,
  type OccupantPresence,
  parsePresence,
  type SourceInfo,
} from "../protocol/presence";
import { buildServicesRequest, type IceServer, parseServices } from "../protocol/services";
import { child, type Xml } from "../protocol/xml";
import { LevelMeter } from "./level-meter";
import type { LocalMedia } from "./local-media";
import { Media } from "./media";
import type { NoticeKind, Problem } from "./state";
import { Store } from "./store";

export interface MeetingOptions {
  readonly room: string;
  readonly displayName: string;
  readonly p2p: boolean;
}

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;
const CONNECT_ATTEMPTS = 4;
const FOCUS_WAIT_MS = [1_000, 2_000, 4_000, 8_000] as const;
const MEASURE_MS = 2_000;
const SHARE_STATS_EVERY = 5;
const LISTEN_MS = 250;
const SPEAKING_LEVEL = 0.02;
/** A pause between two words is not the end of speaking. */
const SPEAKING_HOLD_MS = 700;
const REACTION_MS = 4_000;
const CODECS = ["vp8", "h264", "vp9", "av1"];

type Timer = ReturnType<typeof setTimeout>;

/** One connection and what belongs to it; a reconnection makes a new one. */
interface Seat {
  readonly connection: XmppConnection;
  ownJid: string;
  nick: EndpointId;
  focusJid: string;
  focusRealJid: string;
  isJoined: boolean;
  isLost: boolean;
  iceServers: IceServer[];
  media: Media | null;
  bots: Set<EndpointId>;
}

export class Meeting {
  readonly store = new Store();
  private seat: Seat | null = null;
  private retired: Seat | null = null;
  private readonly wasMuted = new Set<MuteKind>();
  private readonly listeners = new Set<() => void>();
  private ver = "";
  private attempt = 0;
  private retryTimer: Timer | undefined;
  private constraints: ReceiverConstraints | null = null;
  private readonly intervals: Timer[] = [];
  private readonly lastLoud = new Map<EndpointId, number>();
  private ownMeter: LevelMeter | null = null;
  private measureCount = 0;
  private saidTcp = false;
  private stopLocal: () => void = () => undefined;
  private lastPresence = "";

  constructor(
    private readonly config: SiteConfig,
    readonly localMedia: LocalMedia,
    private readonly options: MeetingOptions,
  ) {}

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
      setInterval(() => this.measure(), MEASURE_MS),
      setInterval(() => this.listen(), LISTEN_MS),
    );
    this.ver = await capsVer();
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
    if (on && state === "on") this.liftMute("audio");
  }

  async setCamera(on: boolean): Promise<void> {
    const state = await this.localMedia.set("camera", on);
    if (on && state !== "on" && state !== "off") this.notice(`camera-${state}`);
    if (on && state === "on") this.liftMute("video");
  }

  async setShare(on: boolean): Promise<void> {
    if (!on) {
      this.localMedia.stopShare();
      return;
    }
    const result = await this.localMedia.startShare();
    if (result === "failed") this.notice("share-failed");
    if (result === "on") this.liftMute("desktop");
  }

  setHand(raised: boolean): void {
    this.store.dispatch({
      kind: "own-hand-changed",
      raisedHandAt: raised ? Date.now() : null,
    });
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
    const { seat } = this;
    if (!seat) return;
    await this.moderate(
      seat.connection.request(
        "set",
        `${this.room}/${FOCUS_NICK}`,
        buildMute(kind, `${this.room}/${endpoint}`, true),
      ),
    );
  }

  async removeOther(endpoint: EndpointId): Promise<void> {
    const { seat } = this;
    if (!seat) return;
    await this.moderate(seat.connection.request("set", this.room, buildKick(endpoint, "")));
  }

  /** What the page shows, so that nothing larger is sent. */
  constrain(constraints: ReceiverConstraints): void {
    this.constraints = constraints;
    this.seat?.media?.constrain(constraints);
  }

  notice(notice: NoticeKind, name = ""): void {
    this.store.dispatch({ kind: "noticed", notice, name, at: Date.now() });
  }

  private async moderate(request: Promise<Xml>): Promise<void> {
    try {
      await request;
    } catch {
      this.notice("action-refused");
    }
  }

  private connect(): void {
    const seat: Seat = {
      connection: new XmppConnection(
        `${this.config.websocket}?room=${encodeURIComponent(roomNode(this.options.room))}`,
        this.config.domain,
        {
          connected: (jid) => void this.connected(seat, jid),
          disconnected: (why, detail) => this.disconnected(seat, why, detail),
          stanza: (stanza) => this.received(seat, stanza),
        },
      ),
      ownJid: "",
      nick: "",
      focusJid: "",
      focusRealJid: "",
      isJoined: false,
      isLost: false,
      iceServers: [],
      media: null,
      bots: new Set(),
    };
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
      await this.requestConference(seat);
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

  private async requestConference(seat: Seat): Promise<void> {
    for (let round = 0; seat === this.seat; round++) {
      const reply = parseConferenceReply(
        await seat.connection.request(
          "set",
          this.config.focus,
          buildConferenceRequest(this.room, machineUid()),
          60_000,
        ),
      );
      if (!reply) throw new StanzaError("bad-format", "");
      seat.focusJid = reply.focusJid;
      if (reply.ready) return;
      this.store.dispatch({ kind: "asked-to-wait" });
      const pause = FOCUS_WAIT_MS[Math.min(round, FOCUS_WAIT_MS.length - 1)]!;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
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
        isFocus: (jid) => jid === `${this.room}/${FOCUS_NICK}` && this.isFocusReal(seat),
      },
      this.localMedia,
      this.store.dispatch,
      {
        tracksChanged: () => this.tracksChanged(),
        bridgeMessage: (message) => this.bridgeMessage(message),
        lost: (everWorked) => {
          if (everWorked) this.disconnected(seat, "lost", "media");
          else if (seat === this.seat) this.fail("media-failed", "");
        },
      },
    );
    if (this.constraints) seat.media.constrain(this.constraints);
    this.tracksChanged();
    this.lastPresence = "";
    this.sendPresence(true);
  }

  private isFocusReal(seat: Seat): boolean {
    return seat.focusJid !== "" && bareOf(seat.focusRealJid).toLowerCase() === seat.focusJid;
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
        if (bareOf(from).toLowerCase() === this.room) this.presence(seat, stanza);
        break;
      case "message":
        if (bareOf(from).toLowerCase() === this.room) this.message(seat, stanza);
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
    if (type === "get" && disco) {
      seat.connection.reply(iq, discoAnswer(disco));
    } else if (type === "set" && child(iq, "jingle", NS.jingle)) {
      if (seat.media) seat.media.receive(iq);
      else seat.connection.refuse(iq, "item-not-found");
    } else if (type === "set" && parseMute(iq)) {
      const fromFocus = from === `${this.room}/${FOCUS_NICK}` && this.isFocusReal(seat);
      if (!fromFocus) {
        seat.connection.refuse(iq, "not-allowed", "auth");
        return;
      }
      seat.connection.reply(iq);
      this.mutedBy(parseMute(iq)!);
    } else {
      seat.connection.refuse(iq, "service-unavailable");
    }
  }

  private mutedBy({ kind, actor }: { kind: MuteKind; actor: string }): void {
    const name =
      this.store.state.participants.find((each) => each.id === resourceOf(actor))?.displayName ??
      "";
    this.wasMuted.add(kind);
    if (kind === "audio") {
      void this.localMedia.set("microphone", false);
      this.notice("muted-by", name);
    } else if (kind === "video") {
      void this.localMedia.set("camera", false);
      this.notice("camera-off-by", name);
    } else {
      this.localMedia.stopShare();
      this.notice("share-stopped-by", name);
    }
  }

  /** Who was muted by the focus is muted at the bridge too, until it asks for its voice back. */
  private liftMute(kind: MuteKind): void {
    const { seat } = this;
    if (!seat?.isJoined || !this.wasMuted.has(kind)) return;
    this.wasMuted.delete(kind);
    seat.connection
      .request(
        "set",
        `${this.room}/${FOCUS_NICK}`,
        buildMute(kind, `${this.room}/${seat.nick}`, false),
      )
      .catch(() => this.notice("action-refused"));
  }

  private presence(seat: Seat, stanza: Xml): void {
    const presence = parsePresence(stanza);
    if (!presence) return;
    if (presence.kind === "refused") this.refused(seat, presence.condition, presence.text);
    else if (presence.kind === "gone") this.gone(seat, presence);
    else this.available(seat, presence);
  }

  private available(seat: Seat, presence: OccupantPresence): void {
    const at = Date.now();
    if (presence.nick === FOCUS_NICK) {
      seat.focusRealJid = presence.realJid;
      if (presence.bridgeNotAvailable) this.notice("no-bridge");
      return;
    }
    const isModerator = presence.role === "moderator";
    if (presence.isSelf || presence.nick === seat.nick) {
      this.store.dispatch({ kind: "own-role-changed", isModerator, at });
      if (!seat.isJoined) {
        seat.isJoined = true;
        this.attempt = 0;
        this.store.dispatch({ kind: "joined", at });
        this.sendPresence();
        seat.media?.companyChanged();
      }
      return;
    }
    if (presence.isBot) seat.bots.add(presence.nick);
    const isNew = !this.store.state.participants.some((each) => each.id === presence.nick);
    this.store.dispatch({
      kind: "endpoint-changed",
      at,
      participant: {
        id: presence.nick,
        displayName: presence.displayName,
        isModerator,
        sources: presence.sources,
        raisedHandAt: presence.raisedHandAt,
        isReachable: true,
      },
    });
    if (isNew && seat.isJoined) seat.media?.companyChanged();
  }

  private gone(seat: Seat, presence: OccupantGone): void {
    if (presence.isSelf || presence.nick === seat.nick) {
      if (presence.kicked) {
        const actor = this.store.state.participants.find((each) => each.id === presence.actor);
        this.end();
        this.store.dispatch({ kind: "removed", reason: actor?.displayName ?? "" });
      } else if (presence.destroyed) {
        this.fail("ended-by-moderator", presence.reason);
      } else if (seat.isJoined) {
        // The room does not know us any more (the server restarted it): take a new seat.
        this.disconnected(seat, "lost", "");
      }
      return;
    }
    this.store.dispatch({
      kind: "endpoint-left",
      endpoint: presence.nick,
      wasRemoved: presence.kicked,
      at: Date.now(),
    });
    seat.bots.delete(presence.nick);
    seat.media?.companyChanged();
  }

  private refused(seat: Seat, condition: string, words: string): void {
    if (seat.isJoined) return;
    if (condition === "conflict") {
      seat.nick = randomHex8();
      this.enter(seat);
      return;
    }
    const problems: Readonly<Record<string, Problem>> = {
      "not-authorized": "password-required",
      "registration-required": "not-allowed",
      "not-allowed": "not-allowed",
      forbidden: "not-allowed",
      "service-unavailable": "room-full",
    };
    this.fail(problems[condition] ?? "conference-failed", words);
  }

  private message(seat: Seat, stanza: Xml): void {
    const message: RoomMessage | undefined = parseMessage(stanza);
    if (!message) return;
    switch (message.kind) {
      case "chat":
        this.store.dispatch({
          kind: "chat-received",
          entry: {
            id: message.id,
            from: message.from,
            name: this.nameOf(seat, message.from) || message.authorName,
            body: message.body,
            at: message.sentAt ?? Date.now(),
            isOwn: message.from === seat.nick,
            isPrivate: message.isPrivate,
          },
        });
        break;
      case "reaction":
        this.reaction(message.from, message.reaction);
        break;
      case "refused":
        this.notice("chat-refused", message.text);
        break;
      case "subject":
        break;
    }
  }

  private reaction(from: EndpointId, reaction: Reaction): void {
    this.store.dispatch({ kind: "reaction-shown", from, reaction, at: Date.now() });
    setTimeout(
      () => this.store.dispatch({ kind: "reactions-faded", before: Date.now() - REACTION_MS }),
      REACTION_MS + 50,
    );
  }

  private nameOf(seat: Seat, endpoint: EndpointId): string {
    if (endpoint === seat.nick) return this.store.state.displayName;
    return (
      this.store.state.participants.find((each) => each.id === endpoint)?.displayName ??
      this.store.state.chat.find((each) => each.from === endpoint)?.name ??
      ""
    );
  }

  private bridgeMessage(message: BridgeMessage): void {
    switch (message.kind) {
      case "dominant-speaker":
        this.store.dispatch({ kind: "speaker-changed", endpoint: message.endpoint || null });
        break;
      case "connectivity":
        this.store.dispatch({
          kind: "reachability-changed",
          endpoint: message.endpoint,
          isReachable: message.active,
        });
        break;
      case "reaction":
        this.reaction(message.from, message.reaction);
        break;
      case "hello":
        this.store.dispatch({ kind: "picture-reasons-unknown" });
        break;
      case "picture-reasons":
        this.store.dispatch({ kind: "picture-reasons-changed", changes: message.changes });
        break;
      case "forwarded-sources":
      case "sender-constraints":
      case "downlink-estimate":
        break;
    }
  }

  private localChanged(): void {
    this.store.dispatch({ kind: "local-media-changed", local: this.localMedia.state });
    this.listenToSelf();
    this.tracksChanged();
    void this.seat?.media?.updateLocal().then(() => this.sendPresence());
    this.sendPresence();
  }

  private ownSources(seat: Seat): SourceInfo {
    const { local } = this.store.state;
    const sources: Record<SourceName, SourceInfo[string]> = {
      [sourceName(seat.nick, "audio", 0)]: {
        muted: local.microphone !== "on",
        videoType: "camera",
      },
      [sourceName(seat.nick, "video", 0)]: { muted: local.camera !== "on", videoType: "camera" },
    };
    if (local.share === "on") {
      sources[sourceName(seat.nick, "video", 1)] = { muted: false, videoType: "desktop" };
      if (local.shareHasSound) {
        sources[sourceName(seat.nick, "audio", 1)] = { muted: false, videoType: "camera" };
      }
    }
    return sources;
  }

  private sendPresence(join = false): void {
    const { seat } = this;
    if (!seat || (!join && !seat.isJoined)) return;
    const { displayName, raisedHandAt } = this.store.state;
    const own = {
      displayName,
      raisedHandAt,
      sources: this.ownSources(seat),
      codecs: CODECS,
      capsVer: this.ver,
    };
    // Every presence goes to everybody: only say what is new.
    const fingerprint = JSON.stringify(own);
    if (!join && fingerprint === this.lastPresence) return;
    this.lastPresence = fingerprint;
    seat.connection.send(buildPresence(`${this.room}/${seat.nick}`, own, join));
  }

  private tracksChanged(): void {
    for (const listener of this.listeners) listener();
  }

  private measure(): void {
    const media = this.seat?.media;
    if (!media || this.store.state.phase !== "joined") return;
    void media.measure(Date.now()).then(() => {
      const { path } = this.store.state.stats;
      if (!path) return;
      this.measureCount += 1;
      if (this.measureCount % SHARE_STATS_EVERY === 0) media.shareStats(path);
      if (path.transport.includes("tcp") && !this.saidTcp) {
        this.saidTcp = true;
        this.notice("over-tcp");
      }
    });
  }

  /** Who speaks, from what is heard: works the same with and without the bridge. */
  private listen(): void {
    const { seat } = this;
    if (!seat?.media || this.store.state.phase !== "joined") return;
    const now = Date.now();
    const levels = seat.media.audioLevels();
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
        this.store.dispatch({ kind: "speaker-changed", endpoint: only.id });
      }
    }
  }

  private listenToSelf(): void {
    const track = this.localMedia.microphoneTrack;
    if (this.ownMeter?.track === track) return;
    this.ownMeter?.close();
    this.ownMeter = track ? new LevelMeter(track) : null;
  }

  private fail(problem: Problem, reason: string): void {
    this.end();
    this.store.dispatch({ kind: "failed", problem, reason });
  }

  private end(): void {
    clearTimeout(this.retryTimer);
    for (const interval of this.intervals.splice(0)) clearInterval(interval);
    this.stopLocal();
    this.ownMeter?.close();
    this.ownMeter = null;
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

/** Tells the focus that two visits come from the same browser; means nothing anywhere else. */
function machineUid(): string {
  const key = "tertulia.machine-uid";
  try {
    const known = localStorage.getItem(key);
    if (known) return known;
    const fresh = crypto.randomUUID();
    localStorage.setItem(key, fresh);
    return fresh;
  } catch {
    return crypto.randomUUID();
  }
}

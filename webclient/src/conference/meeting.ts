/**
 * One meeting from this participant's side: the connection, the seat in the room and the media,
 * put together. Everything the interface may ask for is a method here; everything it may show is
 * in the store's state or in `tracks`.
 */

import { SWITCH_ROOM } from "../protocol/breakouts";
import { type ReceiverConstraints, reactionForStockClients } from "../protocol/bridge-channel";
import { capsVer } from "../protocol/caps";
import { buildComponentMessage, buildDiscoInfo } from "../protocol/components";
import type { SiteConfig } from "../protocol/config";
import {
  type ConnectionLoss,
  type Service,
  StanzaError,
  XmppConnection,
} from "../protocol/connection";
import { buildOlmMessage } from "../protocol/e2ee/messages";
import { endpointIdFor, randomHex8, roomNode, type SourceName } from "../protocol/ids";
import { buildReaction, type Reaction } from "../protocol/messages";
import { buildLeave } from "../protocol/presence";
import { parseRoomInfo } from "../protocol/room-info";
import { buildServicesRequest, type IceServer, parseServices } from "../protocol/services";
import { buildSpeaking } from "../protocol/speaker-time";
import { Attendance } from "./attendance";
import { Chat } from "./chat";
import { ComponentInbox } from "./component-inbox";
import { requestConference } from "./conference-request";
import { EncryptionDoor } from "./e2ee/door";
import { isReadable } from "./e2ee/state";
import { keepFormerSession, takeFormerSession } from "./former-session";
import { Groups } from "./groups";
import { type IncomingParts, isFocus, receive } from "./incoming";
import { LobbyGuest } from "./lobby-guest";
import { LobbyHost } from "./lobby-host";
import type { LocalMedia } from "./local-media";
import { startLogin } from "./login-session";
import { MEASURE_MS, Measuring } from "./measuring";
import { Media } from "./media";
import { Moderation } from "./moderation";
import { Occupants } from "./occupants";
import { OwnDevices } from "./own-devices";
import { OwnPresence } from "./own-presence";
import { Polling } from "./polling";
import { RoomFiles } from "./room-files";
import { RoomMessages } from "./room-messages";
import { type Seat, takeSeat } from "./seat";
import type { NoticeKind, Phase, Problem, Spotlight } from "./state";
import { Store } from "./store";
import { LISTEN_MS, WhoSpeaks } from "./who-speaks";

export interface MeetingOptions {
  readonly room: string;
  readonly displayName: string;
  readonly p2p: boolean;
  /** A JSON web token from the page's address; empty when there is none. */
  readonly token: string;
}

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;
const CONNECT_ATTEMPTS = 4;
/** How long a lost socket is nobody's business. */
const UNNOTICED_MS = 1_500;

/** Not inside yet: a lost connection is not worth many words. */
const ON_THE_WAY: readonly Phase[] = ["connecting", "waiting", "asked", "knocking"];

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
  private readonly messages = new RoomMessages(this.store, () => this.setHand(false));
  private readonly measuring = new Measuring(this.store);
  private readonly incoming: IncomingParts;
  private ownPresence: OwnPresence | null = null;
  /** The room of the meeting where we are or want to be. */
  private whereTo: string;
  /** Another room to which we were sent while on the way; empty: none. */
  private sentOn = "";

  readonly moderation: Moderation;
  readonly lobby: LobbyHost;
  readonly chat: Chat;
  readonly groups: Groups;
  readonly polls: Polling;
  readonly files: RoomFiles;
  readonly attendance: Attendance;
  readonly encryption: EncryptionDoor;
  private readonly own: OwnDevices;
  private readonly lobbyGuest: LobbyGuest;

  constructor(
    private readonly config: SiteConfig,
    readonly localMedia: LocalMedia,
    private readonly options: MeetingOptions,
  ) {
    const seat = (): Seat | null => this.seat;
    this.whereTo = this.room;
    this.speakers = new WhoSpeaks(this.store, localMedia);
    this.moderation = new Moderation(this.store, localMedia, seat, this.room);
    this.own = new OwnDevices(this.store, localMedia, this.moderation, seat);
    this.lobby = new LobbyHost(this.store, seat, this.room);
    this.chat = new Chat(this.store, seat);
    this.groups = new Groups(this.store, seat);
    this.polls = new Polling(this.store, seat);
    this.attendance = new Attendance(this.store, seat, config.domain);
    this.files = new RoomFiles(this.store, seat, config.domain, config.filesUrl);
    this.encryption = new EncryptionDoor(this.store.dispatch, {
      send: (to, message) => {
        if (!this.seat?.isJoined) return;
        this.seat.connection.send(buildOlmMessage(`${this.seat.room}/${to}`, message));
      },
      announced: () => this.sendPresence(),
      lead: async () => this.seat?.media?.followFrameRule(),
    });
    this.hideUnreadable();
    const nickTaken = (taken: Seat): void => {
      taken.nick = randomHex8();
      this.enter(taken);
    };
    const failed = (problem: Problem, reason: string): void => this.fail(problem, reason);
    this.lobbyGuest = new LobbyGuest(this.store, {
      admitted: (guest, password) => {
        guest.password = password || guest.password;
        this.enter(guest);
      },
      failed,
      nickTaken,
    });
    this.incoming = {
      messages: this.messages,
      lobbyGuest: this.lobbyGuest,
      lobbyHost: this.lobby,
      moderation: this.moderation,
      encryption: this.encryption,
      occupants: new Occupants(this.store, this.encryption, {
        seated: (taken) => this.seated(taken),
        nickTaken,
        roleChanged: () => {
          this.lobby.follow();
          void this.attendance.follow();
        },
        asked: (question) => this.store.dispatch({ kind: "question-asked", question }),
        lobby: (guest, room, waitsForHost) => this.lobbyGuest.knock(guest, room, waitsForHost),
        sentTo: (room) => this.moveTo(room),
        removed: (by, reason, isBanned) => {
          this.end();
          this.store.dispatch({ kind: "removed", reason, by, isBanned });
        },
        failed,
        forgotten: (gone) => this.disconnected(gone, "lost", ""),
      }),
      inbox: new ComponentInbox(this.store, {
        metadata: (taken, metadata) => {
          this.own.startMuted(taken, metadata);
          void this.attendance.follow();
        },
        sentTo: (room) => this.moveTo(room),
      }),
      roomChanged: (changed) => void this.describeRoom(changed),
    };
  }

  /** Address of the main room. */
  get room(): string {
    return `${roomNode(this.options.room)}@${this.config.muc}`;
  }

  get peerConnections(): { bridge: RTCPeerConnection | null; p2p: RTCPeerConnection | null } {
    const media = this.seat?.media ?? this.retired?.media;
    return media?.peerConnections ?? { bridge: null, p2p: null };
  }

  /** Remote tracks by source; the interface asks again when `onTracks` calls. */
  get tracks(): ReadonlyMap<SourceName, MediaStreamTrack> {
    const tracks = (this.seat?.media ?? this.retired?.media)?.remoteTracks() ?? new Map();
    const { encryption, participants } = this.store.state;
    const hidden = participants.filter((each) => !isReadable(encryption, each));
    if (hidden.length === 0) return tracks;
    return new Map(
      [...tracks].filter(([source]) => !hidden.some(({ id }) => source.startsWith(`${id}-`))),
    );
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
    this.ownPresence = new OwnPresence(this.store, await capsVer(), () => this.encryption.presence);
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
    keepFormerSession(seat.connection.sessionId);
    if (seat.isJoined) seat.connection.send(buildLeave(`${seat.room}/${seat.nick}`));
    seat.connection.disconnect();
  }

  /** Knock once more, with what the room has asked for. */
  answer(given: { password?: string; displayName?: string }): void {
    const { seat } = this;
    if (!seat || seat.isJoined) return;
    if (given.displayName) {
      this.store.dispatch({ kind: "own-name-changed", displayName: given.displayName });
    }
    if (given.password) seat.password = given.password;
    // From the lobby the password is a way around it.
    if (given.password) this.lobbyGuest.leave(seat);
    this.enter(seat);
  }

  /** Prove an account while waiting for the host; the wait then ends by itself. */
  async logIn(user: string, password: string): Promise<"in" | "wrong" | "unreachable"> {
    const result = await startLogin(this.config, this.room, user, password);
    // In the lobby nobody asks for the conference again, and the host need not be let in.
    if (result === "in" && this.seat && this.store.state.phase === "knocking") {
      void this.request(this.seat);
    }
    return result;
  }

  /** To the people who can let us in. */
  sayInLobby(body: string): boolean {
    return this.seat !== null && this.lobbyGuest.say(this.seat, body);
  }

  /** To another room of the same meeting; the main room has its own address. */
  moveTo(room: string): void {
    const { seat } = this;
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
    this.tracksChanged();
    void this.request(seat);
  }

  setMicrophone(on: boolean): Promise<void> {
    return this.own.setMicrophone(on);
  }

  setCamera(on: boolean): Promise<void> {
    return this.own.setCamera(on);
  }

  setShare(on: boolean): Promise<void> {
    return this.own.setShare(on);
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

  react(reaction: Reaction): void {
    const { seat } = this;
    if (!seat?.isJoined) return;
    seat.connection.send(buildReaction(seat.room, reaction));
    seat.media?.sendBridgeMessage(reactionForStockClients(reaction, Date.now()));
  }

  /** What the page shows, so that nothing larger is sent. */
  constrain(constraints: ReceiverConstraints): void {
    this.constraints = constraints;
    this.seat?.media?.constrain(constraints);
  }

  notice(notice: NoticeKind, name = ""): void {
    this.store.notice(notice, name);
  }

  /** Whoever has a token logs in at the main domain, guests at theirs. */
  private get streamDomain(): string {
    return this.options.token === "" ? this.config.guestDomain : this.config.domain;
  }

  private get service(): Service {
    const { websocket, bosh } = this.config;
    const { room, token } = this.options;
    const query = { room: roomNode(room), ...(token === "" ? {} : { token }) };
    return { websocket, bosh, domain: this.streamDomain, query };
  }

  private connect(): void {
    const former = this.seat?.connection.sessionId || takeFormerSession();
    const seat = takeSeat(
      this.whereTo,
      (own) =>
        new XmppConnection(
          this.service,
          {
            connected: (jid) => void this.connected(own(), jid),
            interrupted: (attempt) => this.interrupted(own(), attempt),
            resumed: () => this.resumed(own()),
            disconnected: (why, detail) => this.disconnected(own(), why, detail),
            stanza: (stanza) => {
              if (own() === this.seat) receive(own(), stanza, this.incoming);
            },
          },
          former,
        ),
    );
    if (this.seat?.room === seat.room) seat.password = this.seat.password;
    // The old media keeps flowing until the new seat is taken.
    if (this.seat?.media) this.retired = this.seat;
    this.seat = seat;
    seat.connection.connect();
  }

  private async connected(seat: Seat, jid: string): Promise<void> {
    seat.ownJid = jid;
    seat.nick = endpointIdFor(jid);
    this.lobby.forget();
    void this.incoming.inbox.discover(seat, this.config.domain);
    const services = seat.connection
      .request("get", this.config.domain, buildServicesRequest())
      .then(parseServices)
      .catch((): IceServer[] => []);
    await this.request(seat, services);
  }

  /** Ask for the conference in the seat's room, then for the seat. */
  private async request(seat: Seat, services?: Promise<IceServer[]>): Promise<void> {
    const { room } = seat;
    const isWanted = (): boolean => seat === this.seat && seat.room === room;
    try {
      const focus = await requestConference(
        seat.connection,
        this.config.focus,
        room,
        this.options.token,
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
      this.fail("conference-failed", detail);
      return;
    }
    if (services) seat.iceServers = await services;
    if (isWanted()) this.enter(seat);
  }

  private enter(seat: Seat): void {
    this.retired?.media?.close();
    this.retired = null;
    this.store.dispatch({ kind: "entering", ownId: seat.nick });
    this.encryption.entering(seat.nick);
    seat.media = new Media(
      {
        connection: seat.connection,
        endpoint: seat.nick,
        ownJid: seat.ownJid,
        room: seat.room,
        iceServers: seat.iceServers,
        backToP2PDelayMs: this.config.backToP2PDelayMs,
        company: () => ({
          ownId: seat.nick,
          isEnabled: this.options.p2p && this.config.p2pEnabled,
          isEncrypted:
            this.encryption.isOn || this.store.state.participants.some((each) => each.encrypts),
          others: this.store.state.participants.map(({ id }) => ({ id, isBot: seat.bots.has(id) })),
        }),
        isFocus: (jid) => isFocus(seat, jid),
        frames: () => this.encryption.rule,
        isBlocked: (owner) =>
          !this.encryption.isOn && this.store.participant(owner)?.encrypts === true,
      },
      this.localMedia,
      this.store.dispatch,
      {
        tracksChanged: () => this.tracksChanged(),
        bridgeMessage: (message) => {
          this.messages.receiveFromBridge(message);
          if (message.kind === "dominant-speaker") this.spoke(seat, message.endpoint);
        },
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
    this.lobbyGuest.leave(seat);
    this.sendPresence();
    seat.media?.companyChanged();
    void this.describeRoom(seat);
    const { sentOn } = this;
    this.sentOn = "";
    if (sentOn !== "") this.moveTo(sentOn);
  }

  /** Lock, lobby and the meeting's beginning, as the room says them. */
  private async describeRoom(seat: Seat): Promise<void> {
    const room = await seat.connection
      .request("get", seat.room, buildDiscoInfo())
      .then(parseRoomInfo)
      .catch(() => undefined);
    if (!room || seat !== this.seat) return;
    this.store.dispatch({ kind: "room-described", room, at: Date.now() });
    this.lobby.follow();
    void this.attendance.follow();
  }

  /** Each tells its own time as the speaker. */
  private spoke(seat: Seat, speaker: string): void {
    const to = seat.components?.speakerstats;
    if (speaker !== seat.nick || !to || !seat.isJoined) return;
    seat.connection.send(buildComponentMessage(to, buildSpeaking(seat.room)));
  }

  /** The socket is gone. Most often another one takes its place before anybody notices. */
  private interrupted(seat: Seat, attempt: number): void {
    if (seat !== this.seat || seat.isLost) return;
    const tell = (): void => {
      if (seat !== this.seat || !seat.connection.isInterrupted) return;
      const { phase } = this.store.state;
      if (phase !== "joined" && phase !== "reconnecting") return;
      this.store.dispatch({ kind: "reconnecting", attempt });
    };
    if (attempt > 1) tell();
    else setTimeout(tell, UNNOTICED_MS);
  }

  private resumed(seat: Seat): void {
    if (seat !== this.seat) return;
    this.sendPresence();
    if (this.store.state.phase === "reconnecting" && seat.isJoined) {
      this.store.dispatch({ kind: "joined", at: Date.now() });
    }
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
    if (ON_THE_WAY.includes(phase)) {
      this.attempt += 1;
      if (this.attempt >= CONNECT_ATTEMPTS) {
        this.fail("unreachable", detail);
        return;
      }
    } else {
      if (phase === "joined" || phase === "moving") {
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

  /** Whoever encrypts, or does not while we do, is taken off the screen and out of the ears. */
  private hideUnreadable(): void {
    let hidden = "";
    this.store.subscribe(({ encryption, participants }) => {
      const now = participants.filter((each) => !isReadable(encryption, each));
      const ids = now.map(({ id }) => id).join();
      if (ids === hidden) return;
      hidden = ids;
      this.tracksChanged();
      void this.seat?.media?.followFrameRule();
    });
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
    this.encryption.close();
    const { seat } = this;
    this.retired?.media?.close();
    this.retired = null;
    seat?.media?.close();
    if (seat) this.lobbyGuest.leave(seat);
    if (seat?.isJoined) seat.connection.send(buildLeave(`${seat.room}/${seat.nick}`));
    this.seat = null;
    seat?.connection.disconnect();
    this.localMedia.release();
    this.tracksChanged();
  }
}

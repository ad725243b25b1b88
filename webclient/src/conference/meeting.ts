/**
 * One meeting from this participant's side: the connection, the seat in the room and the media,
 * put together. Everything the interface may ask for is a method here; everything it may show is
 * in the store's state or in `tracks`.
 */

import { type ReceiverConstraints, reactionForStockClients } from "../protocol/bridge-channel";
import { capsVer } from "../protocol/caps";
import { buildComponentMessage, buildDiscoInfo } from "../protocol/components";
import type { SiteConfig } from "../protocol/config";
import { buildOlmMessage } from "../protocol/e2ee/messages";
import { roomNode, type SourceName } from "../protocol/ids";
import { buildReaction, type Reaction } from "../protocol/messages";
import { parseRoomInfo } from "../protocol/room-info";
import { buildSpeaking } from "../protocol/speaker-time";
import { Attendance } from "./attendance";
import { Chat } from "./chat";
import { ComponentInbox } from "./component-inbox";
import { EncryptionDoor } from "./e2ee/door";
import { ECHO_SAMPLE_MS, EchoWatch } from "./echo";
import { Groups } from "./groups";
import { type IncomingParts, isFocus, receive } from "./incoming";
import { Inviting } from "./inviting";
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
import { RemoteTracks } from "./remote-tracks";
import { RoomFiles } from "./room-files";
import { RoomMessages } from "./room-messages";
import type { Seat } from "./seat";
import { Seating } from "./seating";
import type { NoticeKind, Problem, Spotlight } from "./state";
import { Store } from "./store";
import { LISTEN_MS, WhoSpeaks } from "./who-speaks";

export interface MeetingOptions {
  readonly room: string;
  readonly displayName: string;
  readonly p2p: boolean;
  /** A JSON web token from the page's address; empty when there is none. */
  readonly token: string;
}

type Timer = ReturnType<typeof setTimeout>;

export class Meeting {
  readonly store = new Store();
  private constraints: ReceiverConstraints | null = null;
  private readonly intervals: Timer[] = [];
  private stopLocal: () => void = () => undefined;

  private readonly speakers: WhoSpeaks;
  private readonly echo: EchoWatch;
  private readonly messages = new RoomMessages(this.store, () => this.setHand(false));
  private readonly measuring = new Measuring(this.store);
  private readonly incoming: IncomingParts;
  private ownPresence: OwnPresence | null = null;
  private readonly seating: Seating;
  private readonly remote: RemoteTracks;

  readonly moderation: Moderation;
  readonly lobby: LobbyHost;
  readonly chat: Chat;
  readonly groups: Groups;
  readonly polls: Polling;
  readonly files: RoomFiles;
  readonly attendance: Attendance;
  readonly inviting: Inviting;
  readonly encryption: EncryptionDoor;
  private readonly own: OwnDevices;
  private readonly lobbyGuest: LobbyGuest;

  constructor(
    private readonly config: SiteConfig,
    readonly localMedia: LocalMedia,
    private readonly options: MeetingOptions,
  ) {
    const seat = (): Seat | null => this.seat;
    const failed = (problem: Problem, reason: string): void => this.fail(problem, reason);
    this.seating = new Seating(this.store, config, this.room, options.token, {
      connected: (taken) => {
        this.lobby.forget();
        void this.incoming.inbox.discover(taken, config.domain);
      },
      entering: (taken) => this.entering(taken),
      resumed: () => this.sendPresence(),
      stanza: (taken, stanza) => receive(taken, stanza, this.incoming),
      tracksChanged: () => this.remote.changed(),
      failed,
    });
    this.speakers = new WhoSpeaks(this.store, localMedia);
    this.echo = new EchoWatch(this.store, () => this.speakers.ownLevel());
    this.moderation = new Moderation(this.store, localMedia, seat, this.room);
    this.own = new OwnDevices(this.store, localMedia, this.moderation, seat);
    this.lobby = new LobbyHost(this.store, seat, this.room);
    this.chat = new Chat(this.store, seat);
    this.groups = new Groups(this.store, seat);
    this.polls = new Polling(this.store, seat);
    this.attendance = new Attendance(this.store, seat, config.domain);
    this.inviting = new Inviting(seat, config.domain);
    this.files = new RoomFiles(this.store, seat, config.domain, config.filesUrl);
    this.encryption = new EncryptionDoor(this.store.dispatch, {
      send: (to, message) => {
        if (!this.seat?.isJoined) return;
        this.seat.connection.send(buildOlmMessage(`${this.seat.room}/${to}`, message));
      },
      announced: () => this.sendPresence(),
      lead: async () => this.seat?.media?.followFrameRule(),
      stopped: (slot) => this.own.stopUnencrypted(slot),
    });
    this.remote = new RemoteTracks(
      this.store,
      () => this.seating.media,
      () => void this.seat?.media?.followFrameRule(),
    );
    const nickTaken = (taken: Seat): void => this.seating.enterAs(taken);
    this.lobbyGuest = new LobbyGuest(this.store, {
      admitted: (guest, password) => {
        guest.password = password || guest.password;
        this.seating.enter(guest);
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
        forgotten: (gone) => this.seating.lost(gone, "lost", ""),
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
    return this.seating.media?.peerConnections ?? { bridge: null, p2p: null };
  }

  /** Remote tracks by source; the interface asks again when `onTracks` calls. */
  get tracks(): ReadonlyMap<SourceName, MediaStreamTrack> {
    return this.remote.bySource;
  }

  onTracks(listener: () => void): () => void {
    return this.remote.subscribe(listener);
  }

  async join(): Promise<void> {
    const { displayName } = this.options;
    this.store.dispatch({ kind: "connecting", room: this.options.room, displayName });
    this.store.dispatch({ kind: "local-media-changed", local: this.localMedia.state });
    const stopListening = this.localMedia.subscribe(() => this.localChanged());
    const online = (): void => this.seating.cameOnline();
    window.addEventListener("online", online);
    this.stopLocal = () => {
      stopListening();
      window.removeEventListener("online", online);
    };
    this.intervals.push(
      setInterval(() => this.measuring.measure(this.seat), MEASURE_MS),
      setInterval(() => this.speakers.listen(this.seat), LISTEN_MS),
      setInterval(() => this.echo.listen(this.seat), ECHO_SAMPLE_MS),
    );
    this.ownPresence = new OwnPresence(this.store, await capsVer(), () => this.encryption.presence);
    this.seating.connect();
  }

  /** Do not wait for the next attempt to reach the server. */
  tryNow(): void {
    this.seating.tryNow();
  }

  /** Leave at once: tell the room, close everything, give the devices back. */
  leave(): void {
    this.end();
    this.store.dispatch({ kind: "left" });
  }

  /** The page is being closed: say goodbye while there is still time. */
  unload(): void {
    this.seating.unload();
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
    this.seating.enter(seat);
  }

  /** Prove an account while waiting for the host; the wait then ends by itself. */
  async logIn(user: string, password: string): Promise<"in" | "wrong" | "unreachable"> {
    const result = await startLogin(this.config, this.room, user, password);
    // In the lobby nobody asks for the conference again, and the host need not be let in.
    if (result === "in" && this.seat && this.store.state.phase === "knocking") {
      void this.seating.request(this.seat);
    }
    return result;
  }

  /** To the people who can let us in. */
  sayInLobby(body: string): boolean {
    return this.seat !== null && this.lobbyGuest.say(this.seat, body);
  }

  /** To another room of the same meeting; the main room has its own address. */
  moveTo(room: string): void {
    this.seating.moveTo(room);
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

  private get seat(): Seat | null {
    return this.seating.seat;
  }

  private entering(seat: Seat): void {
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
        tracksChanged: () => this.remote.changed(),
        bridgeMessage: (message) => {
          this.messages.receiveFromBridge(message);
          if (message.kind === "dominant-speaker") this.spoke(seat, message.endpoint);
        },
        lost: (everWorked) => {
          if (everWorked) this.seating.lost(seat, "lost", "media");
          else if (seat === this.seat) this.fail("media-failed", "");
        },
      },
    );
    if (this.constraints) seat.media.constrain(this.constraints);
    this.remote.changed();
    this.ownPresence?.join(seat);
  }

  private seated(seat: Seat): void {
    this.lobbyGuest.leave(seat);
    this.sendPresence();
    seat.media?.companyChanged();
    void this.describeRoom(seat);
    this.seating.seated();
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

  private localChanged(): void {
    this.store.dispatch({ kind: "local-media-changed", local: this.localMedia.state });
    this.speakers.followOwn();
    this.remote.changed();
    void this.seat?.media?.updateLocal().then(() => this.sendPresence());
    this.sendPresence();
  }

  private sendPresence(): void {
    if (this.seat) this.ownPresence?.update(this.seat);
  }

  private fail(problem: Problem, reason: string): void {
    this.end();
    this.store.dispatch({ kind: "failed", problem, reason });
  }

  private end(): void {
    for (const interval of this.intervals.splice(0)) clearInterval(interval);
    this.stopLocal();
    this.speakers.close();
    this.encryption.close();
    if (this.seat) this.lobbyGuest.leave(this.seat);
    this.seating.end();
    this.localMedia.release();
    this.remote.changed();
  }
}

/**
 * Where the media goes: the session with the bridge, the one with the only other person, and which
 * of the two carries sound and picture now. The other one stands by, connected and silent.
 */
import type { BridgeMessage, ReceiverConstraints } from "../protocol/bridge-channel";
import { endpointStats } from "../protocol/bridge-channel";
import type { XmppConnection } from "../protocol/connection";
import {
  type EndpointId,
  FOCUS_NICK,
  randomHex8,
  resourceOf,
  type SourceName,
} from "../protocol/ids";
import { buildJingle, buildReason, type Jingle, parseJingle } from "../protocol/jingle";
import { NS } from "../protocol/ns";
import type { IceServer } from "../protocol/services";
import { child, type Xml, xml } from "../protocol/xml";
import { BridgeSession } from "./bridge-session";
import type { FrameRule } from "./e2ee/door";
import { healthOf, nothingCounted } from "./health";
import type { LocalMedia } from "./local-media";
import { LongTasks } from "./long-tasks";
import type { LocalSlot, MediaSession } from "./media-session";
import { type Company, p2pWish } from "./p2p-rule";
import { P2pSession } from "./p2p-session";
import type { MediaPath } from "./state";
import { noHealth } from "./state/media";
import {
  type Measured,
  nothingMeasured,
  qualityPercent,
  type Report,
  summarize,
} from "./statistics";
import type { Dispatch } from "./store";

export interface MediaContext {
  readonly connection: XmppConnection;
  readonly endpoint: EndpointId;
  readonly ownJid: string;
  readonly room: string;
  readonly iceServers: readonly IceServer[];
  readonly backToP2PDelayMs: number;
  /** Who else is here. */
  company(): Company;
  isFocus(occupantJid: string): boolean;
  /** How the frames of sessions with the bridge are led. */
  readonly frames: () => FrameRule | null;
  readonly isBlocked: (owner: EndpointId) => boolean;
}

export interface MediaEvents {
  tracksChanged(): void;
  bridgeMessage(message: BridgeMessage): void;
  /**
   * The media path is beyond repair. If it ever worked, a new start from the connection up may
   * help; if it never did, the network lets nothing through.
   */
  lost(everWorked: boolean): void;
}

const MAX_RESTARTS = 3;
const RESTART_DELAY_MS = 2_000;
const RESTART_PING_MS = 65_000;
const P2P_CONNECT_MS = 15_000;
/** Some browsers never call a session failed whose checks could not even begin. */
const BRIDGE_CONNECT_MS = 15_000;

const SLOTS: readonly LocalSlot[] = [
  { kind: "audio", index: 0 },
  { kind: "video", index: 0 },
  { kind: "audio", index: 1 },
  { kind: "video", index: 1 },
];

export class Media {
  private bridge: BridgeSession | null = null;
  private p2p: P2pSession | null = null;
  private path: MediaPath = "none";
  private constraints: ReceiverConstraints | null = null;
  private restarts = 0;
  private everWorked = false;
  private p2pTimer = 0;
  private p2pDeadline = 0;
  private bridgeDeadline = 0;
  /** Together with whom the peer-to-peer attempt failed; not tried again with the same company. */
  private p2pRefusedBy: EndpointId | null = null;
  private hadCrowd = false;
  private measured: Measured = nothingMeasured;
  private coping = { health: noHealth, counters: nothingCounted };
  private readonly longTasks = new LongTasks();
  /** It cannot lead frames as it must; a new one has been asked for. */
  private replaced: BridgeSession | null = null;
  private isClosed = false;

  constructor(
    private readonly context: MediaContext,
    private readonly localMedia: LocalMedia,
    private readonly dispatch: Dispatch,
    private readonly events: MediaEvents,
  ) {}

  get peerConnections(): { bridge: RTCPeerConnection | null; p2p: RTCPeerConnection | null } {
    return { bridge: this.bridge?.media.pc ?? null, p2p: this.p2p?.media.pc ?? null };
  }

  close(): void {
    this.isClosed = true;
    this.longTasks.close();
    window.clearTimeout(this.p2pTimer);
    window.clearTimeout(this.p2pDeadline);
    window.clearTimeout(this.bridgeDeadline);
    this.p2p?.terminate("success", "leaving");
    this.p2p = null;
    this.bridge?.close();
    this.bridge = null;
  }

  /** Tracks of the session that carries the media, by source. */
  remoteTracks(): ReadonlyMap<SourceName, MediaStreamTrack> {
    return new Map(
      (this.active()?.remoteTracks() ?? []).map(({ source, track }) => [source.name, track]),
    );
  }

  /**
   * Loudness (0 to 1) of each remote source right now. The browser asks another thread each time
   * and waits for it, so whoever is muted is better left out.
   */
  audioLevels(isMuted: (source: SourceName) => boolean): Map<EndpointId, number> {
    const levels = new Map<EndpointId, number>();
    for (const { source, receiver } of this.active()?.remoteReceivers() ?? []) {
      if (source.kind !== "audio" || isMuted(source.name)) continue;
      const level = receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
      levels.set(source.owner, Math.max(levels.get(source.owner) ?? 0, level));
    }
    return levels;
  }

  /**
   * Also while the bridge stands by: a stock client takes what the bridge asks of it as meant for
   * the session that carries the media, and would send its peer nothing if nobody wanted anything.
   */
  constrain(constraints: ReceiverConstraints): void {
    this.constraints = constraints;
    this.bridge?.constrain(constraints);
  }

  sendBridgeMessage(message: string): void {
    this.bridge?.sendMessage(message);
  }

  /** Bring both sessions in line with the local tracks. */
  async updateLocal(): Promise<void> {
    for (const slot of SLOTS) {
      const { track, isPresent } = this.localTrack(slot);
      this.announce(slot);
      // A session that ended meanwhile has nobody to tell.
      await Promise.all([
        this.bridge?.setTrack(slot, track, isPresent).catch(() => undefined),
        this.p2p?.setTrack(slot, track, isPresent).catch(() => undefined),
      ]);
    }
  }

  /** A Jingle IQ from the focus or from another occupant; answers it. */
  receive(iq: Xml): void {
    const { connection } = this.context;
    const from = iq.attrs.from ?? "";
    const element = child(iq, "jingle", NS.jingle)!;
    const nick = resourceOf(from);
    const jingle = parseJingle(element, nick);
    if (nick === FOCUS_NICK) {
      if (!this.context.isFocus(from)) {
        connection.refuse(
          iq,
          "not-allowed",
          "auth",
          xml("security-error", { xmlns: NS.jingleErrors }),
        );
        return;
      }
      this.receiveFromFocus(iq, jingle, from);
      return;
    }
    this.receiveFromPeer(iq, jingle, nick, from);
  }

  /** Somebody came or went: two people alone talk directly, everybody else over the bridge. */
  companyChanged(): void {
    if (this.isClosed) return;
    const company = this.context.company();
    const wish = p2pWish(company);
    if (company.others.length !== 1) this.hadCrowd = company.others.length > 1;
    if (company.others.length !== 1 || company.others[0]?.id !== this.p2pRefusedBy) {
      this.p2pRefusedBy = null;
    }
    if (this.p2p && (wish.kind === "none" || wish.peer !== this.p2p.peer)) {
      this.p2p.terminate("success", "Turning off P2P session");
      this.dropP2p();
    }
    window.clearTimeout(this.p2pTimer);
    if (wish.kind !== "with" || !wish.starts || this.p2p || this.p2pRefusedBy === wish.peer) return;
    const { peer } = wish;
    // After a crowd the room settles first; two people who just met need not wait.
    this.p2pTimer = window.setTimeout(
      () => this.startP2p(peer),
      this.hadCrowd ? this.context.backToP2PDelayMs : 0,
    );
  }

  /** The rule for frames has changed: follow it, in a new session where this one cannot. */
  async followFrameRule(): Promise<void> {
    this.companyChanged();
    const session = this.bridge;
    if (!session || session === this.replaced) return;
    if (session.media.canFollowFrameRule) {
      session.media.followFrameRule().catch((error: unknown) => this.complain(error));
      return;
    }
    this.replaced = session;
    // What it sends would go past the rule.
    void session.media.setTransferring(false);
    await session.requestRestart("success", "restart required");
  }

  async measure(now: number): Promise<void> {
    const session = this.active();
    if (!session || session.pc.connectionState === "closed") return;
    const reports: Report[] = [];
    (await session.pc.getStats()).forEach((report) => {
      reports.push(report as Report);
    });
    const { stats, measured } = summarize(
      reports,
      this.measured,
      now,
      this.path,
      (ssrc) => session.sourceOfSsrc(ssrc)?.name,
    );
    this.measured = measured;
    this.coping = healthOf(reports, this.coping, now, this.longTasks.take());
    const { health } = this.coping;
    this.dispatch({ kind: "stats-measured", stats: { ...stats, health } });
  }

  /** Tell the others how we hear them (stock clients show it). */
  shareStats(stats: {
    uploadKbps: number;
    downloadKbps: number;
    lossPercent: number;
    roundTripMs: number | null;
  }): void {
    this.bridge?.sendMessage(
      endpointStats({
        uploadKbps: stats.uploadKbps,
        downloadKbps: stats.downloadKbps,
        uploadLossPercent: 0,
        downloadLossPercent: stats.lossPercent,
        roundTripMs: stats.roundTripMs,
        quality: qualityPercent(stats.lossPercent),
      }),
    );
  }

  private active(): MediaSession | null {
    if (this.path === "p2p") return this.p2p?.media ?? null;
    if (this.path === "bridge") return this.bridge?.media ?? null;
    return null;
  }

  private localTrack(slot: LocalSlot): { track: MediaStreamTrack | null; isPresent: boolean } {
    const { localMedia } = this;
    if (slot.index === 0) {
      const track = slot.kind === "audio" ? localMedia.microphoneTrack : localMedia.cameraTrack;
      return { track, isPresent: true };
    }
    const track = slot.kind === "audio" ? localMedia.screenAudioTrack : localMedia.screenTrack;
    return { track, isPresent: track !== null };
  }

  private announce(slot: LocalSlot): void {
    if (slot.kind !== "video") return;
    const { track } = this.localTrack(slot);
    const type = slot.index === 0 ? "camera" : "desktop";
    if (slot.index === 0 || track) this.bridge?.announceVideo(slot, track ? type : "none");
  }

  private receiveFromFocus(iq: Xml, jingle: Jingle, from: string): void {
    const { connection } = this.context;
    if (jingle.action === "session-initiate") {
      if (this.bridge?.sid === jingle.sid) {
        connection.refuse(iq, "service-unavailable");
        return;
      }
      connection.reply(iq);
      this.startBridge(jingle, from);
      return;
    }
    if (!this.bridge || this.bridge.sid !== jingle.sid) {
      refuseUnknownSession(connection, iq);
      return;
    }
    connection.reply(iq);
    switch (jingle.action) {
      case "source-add":
      case "source-remove":
        this.bridge.changeSources(jingle).catch((error: unknown) => this.complain(error));
        break;
      case "transport-info":
        this.bridge.restartIce(jingle).catch((error: unknown) => this.complain(error));
        break;
      case "session-terminate":
        // The bridge moved or rests; a new offer follows when there is something to say.
        this.bridge.close();
        this.bridge = null;
        if (this.path === "bridge") {
          if (this.context.company().others.length > 0) this.interrupted(true);
          this.setPath("none");
        }
        break;
      default:
        break;
    }
  }

  private receiveFromPeer(iq: Xml, jingle: Jingle, nick: EndpointId, from: string): void {
    const { connection } = this.context;
    if (jingle.action === "session-initiate") {
      connection.reply(iq);
      const wish = p2pWish(this.context.company());
      if (wish.kind === "none" || wish.peer !== nick) {
        this.decline(jingle, from, "decline", "P2P requirements not met");
      } else if (this.p2p && this.p2p.media.pc.connectionState !== "failed") {
        this.decline(jingle, from, "busy", "");
      } else {
        this.answerP2p(jingle, nick, from);
      }
      return;
    }
    if (!this.p2p || this.p2p.sid !== jingle.sid || this.p2p.peer !== nick) {
      refuseUnknownSession(connection, iq);
      return;
    }
    connection.reply(iq);
    this.p2p.received(jingle).catch((error: unknown) => {
      this.complain(error);
      this.p2p?.terminate("failed-application");
      this.p2pFailed(nick);
    });
  }

  private decline(jingle: Jingle, peerJid: string, condition: string, words: string): void {
    this.context.connection
      .request(
        "set",
        peerJid,
        buildJingle(
          "session-terminate",
          { sid: jingle.sid, initiator: jingle.initiator ?? peerJid },
          buildReason(condition, words),
        ),
      )
      .catch(() => undefined);
  }

  private startBridge(offer: Jingle, focusJid: string): void {
    this.bridge?.close();
    const { connection, endpoint, ownJid, iceServers, frames, isBlocked } = this.context;
    const session: BridgeSession = new BridgeSession(
      { connection, endpoint, ownJid, focusJid, iceServers, frames, isBlocked },
      offer,
      {
        tracksChanged: () => this.path === "bridge" && this.events.tracksChanged(),
        message: (message) => this.events.bridgeMessage(message),
        connectionState: (state) => this.bridgeState(session, state),
        failed: (reason) => this.complain(new Error(reason)),
      },
    );
    this.bridge = session;
    window.clearTimeout(this.bridgeDeadline);
    this.bridgeDeadline = window.setTimeout(() => {
      const { connectionState } = session.media.pc;
      // A failed one is being restarted already.
      if (connectionState === "new" || connectionState === "connecting") {
        this.bridgeLost(session);
      }
    }, BRIDGE_CONNECT_MS);
    if (this.constraints) session.constrain(this.constraints);
    if (this.path === "p2p") void session.media.setTransferring(false);
    else this.setPath("bridge");
    void this.updateLocal();
    session.accept().then(
      () => {
        // What changed while the offer was being answered.
        if (this.bridge === session) void this.updateLocal();
      },
      (error: unknown) => {
        this.complain(error);
        if (this.bridge === session) void this.restart(session);
      },
    );
  }

  private bridgeState(session: BridgeSession, state: RTCPeerConnectionState): void {
    if (session !== this.bridge) return;
    if (this.path === "bridge") {
      if (state === "disconnected" || state === "failed") this.interrupted(true);
      if (state === "connected") this.interrupted(false);
    }
    if (state === "connected") {
      this.restarts = 0;
      this.everWorked = true;
    }
    if (state === "failed") this.bridgeLost(session);
  }

  private bridgeLost(session: BridgeSession): void {
    if (session !== this.bridge) return;
    if (this.path === "bridge") this.interrupted(true);
    void this.restart(session);
  }

  /** First see whether the server hears us at all, then ask the focus for a fresh session. */
  private async restart(session: BridgeSession): Promise<void> {
    if (this.restarts >= MAX_RESTARTS) {
      this.events.lost(this.everWorked);
      return;
    }
    this.restarts += 1;
    const { connection, ownJid } = this.context;
    const domain = ownJid.slice(ownJid.indexOf("@") + 1).split("/")[0]!;
    try {
      await connection.request("get", domain, xml("ping", { xmlns: NS.ping }), RESTART_PING_MS);
      await new Promise((resolve) => window.setTimeout(resolve, RESTART_DELAY_MS));
      if (session !== this.bridge || session.media.pc.connectionState === "connected") return;
      await session.requestRestart();
    } catch {
      if (session === this.bridge && !this.isClosed) this.events.lost(this.everWorked);
    }
  }

  private newP2p(peer: EndpointId, sid: string, isInitiator: boolean): P2pSession {
    const { connection, endpoint, room, iceServers } = this.context;
    const session: P2pSession = new P2pSession(
      {
        connection,
        endpoint,
        peer,
        ownOccupantJid: `${room}/${endpoint}`,
        peerOccupantJid: `${room}/${peer}`,
        iceServers,
      },
      sid,
      isInitiator,
      {
        tracksChanged: () => this.path === "p2p" && this.events.tracksChanged(),
        connectionState: (state) => this.p2pState(session, state),
        ended: () => session === this.p2p && this.p2pFailed(peer),
      },
    );
    this.p2p = session;
    window.clearTimeout(this.p2pDeadline);
    this.p2pDeadline = window.setTimeout(() => {
      if (session !== this.p2p || this.path === "p2p") return;
      session.terminate("connectivity-error", "ICE FAILED");
      this.p2pFailed(peer);
    }, P2P_CONNECT_MS);
    for (const slot of SLOTS) {
      const { track, isPresent } = this.localTrack(slot);
      if (isPresent) void session.media.setTrack(slot, track, true);
    }
    return session;
  }

  private startP2p(peer: EndpointId): void {
    if (this.isClosed || this.p2p) return;
    const session = this.newP2p(peer, randomHex8() + randomHex8(), true);
    session.initiate().catch(() => {
      // Without an answer the bridge carries the meeting; nothing is lost.
      if (session !== this.p2p) return;
      session.close();
      this.p2pFailed(peer);
    });
  }

  private answerP2p(offer: Jingle, peer: EndpointId, _from: string): void {
    this.p2p?.close();
    window.clearTimeout(this.p2pTimer);
    const session = this.newP2p(peer, offer.sid, false);
    session.answer(offer).catch((error: unknown) => {
      this.complain(error);
      if (session !== this.p2p) return;
      session.terminate("failed-application");
      this.p2pFailed(peer);
    });
  }

  private p2pState(session: P2pSession, state: RTCPeerConnectionState): void {
    if (session !== this.p2p) return;
    if (state === "connected") {
      window.clearTimeout(this.p2pDeadline);
      this.interrupted(false);
      void this.bridge?.media.setTransferring(false);
      this.setPath("p2p");
    } else if (state === "disconnected") {
      if (this.path === "p2p") this.interrupted(true);
    } else if (state === "failed") {
      session.terminate("connectivity-error", "ICE FAILED");
      this.p2pFailed(session.peer);
    }
  }

  private p2pFailed(peer: EndpointId): void {
    this.p2pRefusedBy = peer;
    this.dropP2p();
  }

  private dropP2p(): void {
    this.p2p = null;
    window.clearTimeout(this.p2pDeadline);
    if (this.bridge) {
      void this.bridge.media.setTransferring(true);
      const { connectionState } = this.bridge.media.pc;
      this.interrupted(connectionState === "disconnected" || connectionState === "failed");
      this.setPath("bridge");
    } else {
      this.setPath("none");
    }
  }

  private setPath(path: MediaPath): void {
    if (this.path !== path) {
      this.path = path;
      this.measured = nothingMeasured;
      this.coping = { health: noHealth, counters: nothingCounted };
      this.dispatch({ kind: "media-path-changed", path });
    }
    this.events.tracksChanged();
  }

  private interrupted(interrupted: boolean): void {
    this.dispatch({ kind: "media-interrupted", interrupted, at: Date.now() });
  }

  private complain(error: unknown): void {
    if (!this.isClosed) console.warn("media:", error);
  }
}

/** XEP-0166 §10: the session is none of ours, or none any more. */
function refuseUnknownSession(connection: XmppConnection, iq: Xml): void {
  const unknown = xml("unknown-session", { xmlns: NS.jingleErrors });
  connection.refuse(iq, "item-not-found", "cancel", unknown);
}

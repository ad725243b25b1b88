/**
 * Where the media goes: over the bridge or directly to the only other person, and which of the two
 * carries sound and picture now. The other one stands by, connected and silent.
 */
import type { BridgeMessage, ReceiverConstraints } from "../protocol/bridge-channel";
import { endpointStats } from "../protocol/bridge-channel";
import { type EndpointId, FOCUS_NICK, resourceOf, type SourceName } from "../protocol/ids";
import { parseJingle } from "../protocol/jingle";
import { NS } from "../protocol/ns";
import { child, type Xml } from "../protocol/xml";
import { BridgeLeg } from "./bridge-leg";
import type { LocalMedia } from "./local-media";
import type { MediaContext } from "./media-context";
import type { MediaSession } from "./media-session";
import { MediaStatistics } from "./media-statistics";
import { P2pLeg } from "./p2p-leg";
import type { MediaPath } from "./state";
import { qualityPercent } from "./statistics";
import type { Dispatch } from "./store";

export interface MediaEvents {
  tracksChanged(): void;
  bridgeMessage(message: BridgeMessage): void;
  /**
   * The media path is beyond repair. If it ever worked, a new start from the connection up may
   * help; if it never did, the network lets nothing through.
   */
  lost(everWorked: boolean): void;
}

export class Media {
  private readonly bridge: BridgeLeg;
  private readonly p2p: P2pLeg;
  private readonly statistics = new MediaStatistics();
  private path: MediaPath = "none";

  constructor(
    context: MediaContext,
    localMedia: LocalMedia,
    private readonly dispatch: Dispatch,
    private readonly events: MediaEvents,
  ) {
    this.bridge = new BridgeLeg(context, localMedia, {
      began: () => {
        if (this.path === "p2p") this.bridge.setTransferring(false);
        else this.setPath("bridge");
      },
      ended: () => {
        if (this.path !== "bridge") return;
        if (context.company().others.length > 0) this.interrupted(true);
        this.setPath("none");
      },
      interrupted: (isInterrupted) => {
        if (this.path === "bridge") this.interrupted(isInterrupted);
      },
      tracksChanged: () => this.path === "bridge" && events.tracksChanged(),
      message: (message) => events.bridgeMessage(message),
      lost: (everWorked) => events.lost(everWorked),
    });
    this.p2p = new P2pLeg(context, localMedia, {
      connected: () => {
        this.interrupted(false);
        this.bridge.setTransferring(false);
        this.setPath("p2p");
      },
      ended: () => this.backToBridge(),
      interrupted: () => {
        if (this.path === "p2p") this.interrupted(true);
      },
      tracksChanged: () => this.path === "p2p" && events.tracksChanged(),
    });
  }

  get peerConnections(): { bridge: RTCPeerConnection | null; p2p: RTCPeerConnection | null } {
    return { bridge: this.bridge.media?.pc ?? null, p2p: this.p2p.media?.pc ?? null };
  }

  close(): void {
    this.statistics.close();
    this.p2p.close();
    this.bridge.close();
  }

  /** Tracks of the session that carries the media, by source. */
  remoteTracks(): ReadonlyMap<SourceName, MediaStreamTrack> {
    const receivers = this.active()?.remoteReceivers() ?? [];
    return new Map(receivers.map(({ source, receiver }) => [source.name, receiver.track]));
  }

  /**
   * Loudness (0 to 1) right now of those who are asked about. The browser asks another thread for
   * each and waits for it.
   */
  audioLevels(isAsked: (owner: EndpointId) => boolean): Map<EndpointId, number> {
    const levels = new Map<EndpointId, number>();
    for (const { source, receiver } of this.active()?.remoteReceivers() ?? []) {
      if (source.kind !== "audio" || !isAsked(source.owner)) continue;
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
    this.bridge.constrain(constraints);
  }

  sendBridgeMessage(message: string): void {
    this.bridge.send(message);
  }

  /** The server was out of reach and is back. */
  serverIsBack(): void {
    this.bridge.renewChannel();
  }

  /** Bring both ways in line with the local tracks. */
  async updateLocal(): Promise<void> {
    await Promise.all([this.bridge.updateLocal(), this.p2p.updateLocal()]);
  }

  /** A Jingle IQ from the focus or from another occupant; answers it. */
  receive(iq: Xml): void {
    const nick = resourceOf(iq.attrs.from ?? "");
    const jingle = parseJingle(child(iq, "jingle", NS.jingle)!, nick);
    if (nick === FOCUS_NICK) this.bridge.receive(iq, jingle);
    else this.p2p.receive(iq, jingle, nick);
  }

  /** Somebody came or went: two people alone talk directly, everybody else over the bridge. */
  companyChanged(): void {
    this.p2p.companyChanged();
  }

  /** The rule for frames has changed. */
  async followFrameRule(): Promise<void> {
    this.companyChanged();
    await this.bridge.followFrameRule();
  }

  async measure(now: number): Promise<void> {
    const session = this.active();
    if (!session || session.pc.connectionState === "closed") return;
    const stats = await this.statistics.measure(session, this.path, now);
    const region = this.path === "bridge" ? this.bridge.region : "";
    this.dispatch({ kind: "stats-measured", stats: { ...stats, region } });
  }

  /** Tell the others how we hear them (stock clients show it). */
  shareStats(stats: {
    uploadKbps: number;
    downloadKbps: number;
    lossPercent: number;
    roundTripMs: number | null;
  }): void {
    this.bridge.send(
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
    if (this.path === "p2p") return this.p2p.media;
    if (this.path === "bridge") return this.bridge.media;
    return null;
  }

  private backToBridge(): void {
    if (!this.bridge.media) {
      this.setPath("none");
      return;
    }
    this.bridge.setTransferring(true);
    this.interrupted(this.bridge.isDoubtful);
    this.setPath("bridge");
  }

  private setPath(path: MediaPath): void {
    if (this.path !== path) {
      this.path = path;
      this.statistics.forget();
      this.dispatch({ kind: "media-path-changed", path });
    }
    this.events.tracksChanged();
  }

  private interrupted(interrupted: boolean): void {
    this.dispatch({ kind: "media-interrupted", interrupted, at: Date.now() });
  }
}

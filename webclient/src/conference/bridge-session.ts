/** The session with the focus: its Jingle dialogue around one MediaSession, and the bridge channel. */
import type { BridgeMessage, ReceiverConstraints } from "../protocol/bridge-channel";
import { receiverConstraints, sourceVideoType } from "../protocol/bridge-channel";
import type { XmppConnection } from "../protocol/connection";
import { type EndpointId, type SourceName, sourceName } from "../protocol/ids";
import {
  buildContent,
  buildGroup,
  buildJingle,
  buildReason,
  buildSourceContents,
  buildTransport,
  type Jingle,
} from "../protocol/jingle";
import { NS } from "../protocol/ns";
import { sectionsFor } from "../protocol/sdp/model";
import type { IceServer } from "../protocol/services";
import type { MediaSource } from "../protocol/sources";
import { type Xml, xml } from "../protocol/xml";
import { BridgeLink } from "./bridge-link";
import type { FrameRule } from "./e2ee/door";
import type { LocalSlot } from "./local-slots";
import { MediaSession } from "./media-session";

export interface BridgeSessionEvents {
  tracksChanged(): void;
  message(message: BridgeMessage): void;
  connectionState(state: RTCPeerConnectionState): void;
  /** The bridge refuses the channel, again and again. */
  channelRefused(): void;
  /** The offer could not be answered. */
  failed(reason: string): void;
}

export interface BridgeSessionContext {
  readonly connection: XmppConnection;
  readonly endpoint: EndpointId;
  readonly ownJid: string;
  readonly focusJid: string;
  readonly iceServers: readonly IceServer[];
  readonly frames: () => FrameRule | null;
  readonly isBlocked: (owner: EndpointId) => boolean;
}

export class BridgeSession {
  readonly sid: string;
  /** Where the bridge is; empty when nobody says. */
  readonly region: string;
  readonly media: MediaSession;
  private readonly initiator: string;
  private readonly bridgeSessionId: string | undefined;
  private link: BridgeLink | null = null;
  private constraints: ReceiverConstraints | null = null;
  private videoTypes: Record<SourceName, "camera" | "desktop" | "none"> = {};
  private isAccepted = false;
  private iceGeneration = 0;
  private isClosed = false;

  constructor(
    private readonly context: BridgeSessionContext,
    private readonly offer: Jingle,
    private readonly events: BridgeSessionEvents,
  ) {
    this.sid = offer.sid;
    this.region = offer.bridgeRegion ?? "";
    this.initiator = offer.initiator ?? context.focusJid;
    this.bridgeSessionId = offer.bridgeSessionId;
    this.media = new MediaSession(
      {
        endpoint: context.endpoint,
        simulcast: true,
        label: "b",
        frames: context.frames,
        isBlocked: context.isBlocked,
        // Towards the bridge only a relay over TCP helps: its own address is reachable over UDP.
        iceServers: context.iceServers.filter((server) => server.urls.includes("transport=tcp")),
      },
      {
        tracksChanged: () => events.tracksChanged(),
        connectionState: (state) => events.connectionState(state),
        // The bridge learns our addresses from our checks.
        candidate: () => undefined,
      },
    );
  }

  async accept(): Promise<void> {
    const audio = this.offer.contents.find((content) => content.kind === "audio");
    const video = this.offer.contents.find((content) => content.kind === "video");
    const transport = audio?.transport ?? video?.transport;
    if (!audio?.description || !video?.description || !transport) {
      this.events.failed("the offer lacks audio, video or a transport");
      return;
    }
    await this.media.answer({
      audio: audio.description,
      video: video.description,
      transport,
      sections: sectionsFor(this.offer.sources),
    });
    if (this.isClosed) return;
    const sources = this.media.localSources();
    await this.send(
      buildJingle(
        "session-accept",
        { sid: this.sid, initiator: this.initiator, responder: this.context.ownJid },
        buildGroup(["audio", "video"]),
        ...this.media
          .localContents(({ kind }) => kind)
          .map((content) =>
            buildContent(
              "responder",
              content,
              sources.filter((source) => source.kind === content.kind),
            ),
          ),
      ),
    );
    this.isAccepted = true;
    const url = this.offer.contents.find((content) => content.transport?.webSocketUrl)?.transport
      ?.webSocketUrl;
    if (url && !this.isClosed) {
      this.link = new BridgeLink(
        url,
        () => this.resync(),
        (message) => this.received(message),
        () => this.events.channelRefused(),
      );
    }
  }

  close(): void {
    this.isClosed = true;
    this.link?.close();
    this.media.close();
  }

  /** The focus adds and removes other people's sources, and ends or moves the session. */
  async changeSources(jingle: Jingle): Promise<void> {
    if (jingle.action === "source-add") await this.media.addRemote(jingle.sources);
    else await this.media.removeRemote(jingle.sources.map((source) => source.name));
  }

  /** The bridge looks for another path to us: answer with new credentials of ours. */
  async restartIce(jingle: Jingle): Promise<void> {
    const content = jingle.contents.find((each) => each.transport?.iceGeneration !== undefined);
    const iceGeneration = content?.transport?.iceGeneration ?? 0;
    // They may come twice, or in the wrong order.
    if (!content?.transport || iceGeneration <= this.iceGeneration || !this.isAccepted) return;
    this.iceGeneration = iceGeneration;
    const transport = await this.media.restartIce(content.transport);
    if (!transport || this.isClosed) return;
    await this.send(
      buildJingle(
        "transport-info",
        { sid: this.sid, initiator: this.initiator, responder: this.context.ownJid },
        xml(
          "content",
          { creator: "initiator", name: content.name },
          buildTransport({ ...transport, iceGeneration }),
        ),
      ),
    );
  }

  /** Set what a slot sends, and tell the focus when that makes or ends a source. */
  async setTrack(slot: LocalSlot, track: MediaStreamTrack | null, isPresent = true): Promise<void> {
    const { added, removed } = await this.media.setTrack(slot, track, isPresent);
    if (!this.isAccepted || this.isClosed) return;
    if (removed.length > 0) await this.signal("source-remove", removed);
    if (added.length > 0) await this.signal("source-add", added);
  }

  announceVideo(slot: LocalSlot, videoType: "camera" | "desktop" | "none"): void {
    const name = sourceName(this.context.endpoint, slot.kind, slot.index);
    if (this.videoTypes[name] === videoType) return;
    this.videoTypes = { ...this.videoTypes, [name]: videoType };
    this.link?.send(sourceVideoType(name, videoType));
  }

  constrain(constraints: ReceiverConstraints): void {
    if (JSON.stringify(constraints) === JSON.stringify(this.constraints)) return;
    this.constraints = constraints;
    this.link?.send(receiverConstraints(constraints));
  }

  renewChannel(): void {
    this.link?.renew();
  }

  sendMessage(message: string): void {
    this.link?.send(message);
  }

  /** Ask the focus for a new session, as after ours lost its way to the bridge. */
  async requestRestart(condition = "connectivity-error", words = "ICE FAILED"): Promise<void> {
    await this.send(
      buildJingle(
        "session-terminate",
        { sid: this.sid, initiator: this.initiator },
        buildReason(condition, words),
        xml("bridge-session", {
          xmlns: NS.focus,
          id: this.bridgeSessionId,
          restart: "true",
        }),
      ),
    );
  }

  private resync(): void {
    if (this.constraints) this.link?.send(receiverConstraints(this.constraints));
    for (const [name, videoType] of Object.entries(this.videoTypes)) {
      this.link?.send(sourceVideoType(name, videoType));
    }
  }

  private received(message: BridgeMessage): void {
    if (message.kind === "sender-constraints") {
      void this.media.constrainSource(message.source, message.maxHeight);
    }
    this.events.message(message);
  }

  private async signal(action: "source-add" | "source-remove", sources: MediaSource[]) {
    await this.send(
      buildJingle(
        action,
        { sid: this.sid, initiator: this.initiator },
        ...buildSourceContents(sources, "responder"),
      ),
    );
  }

  private send(jingle: Xml): Promise<Xml> {
    return this.context.connection.request("set", this.context.focusJid, jingle);
  }
}

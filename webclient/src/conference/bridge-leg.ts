/** The way over the bridge: one session after the other, as the focus offers and ends them. */
import type { BridgeMessage, ReceiverConstraints } from "../protocol/bridge-channel";
import type { Jingle } from "../protocol/jingle";
import { NS } from "../protocol/ns";
import { type Xml, xml } from "../protocol/xml";
import { BridgeSession } from "./bridge-session";
import type { LocalMedia } from "./local-media";
import { type LocalSlot, SLOTS, slotTrack } from "./local-slots";
import { type MediaContext, refuseUnknownSession } from "./media-context";
import type { MediaSession } from "./media-session";

export interface BridgeLegEvents {
  /** There is a session, which takes the media unless it is told to stand by. */
  began(): void;
  /** The focus has ended it; a new offer follows when there is something to say. */
  ended(): void;
  /** Its way is doubtful, or good again. */
  interrupted(isInterrupted: boolean): void;
  tracksChanged(): void;
  message(message: BridgeMessage): void;
  /** Beyond repair; see MediaEvents. */
  lost(everWorked: boolean): void;
}

const MAX_RESTARTS = 3;
const RESTART_DELAY_MS = 2_000;
const RESTART_PING_MS = 65_000;
/** Some browsers never call a session failed whose checks could not even begin. */
const CONNECT_MS = 15_000;

export class BridgeLeg {
  private session: BridgeSession | null = null;
  private constraints: ReceiverConstraints | null = null;
  private restarts = 0;
  private everWorked = false;
  private deadline = 0;
  /** It cannot lead frames as it must; a new one has been asked for. */
  private replaced: BridgeSession | null = null;
  /** A session was asked for because the channel was refused, and no channel has opened since. */
  private askedForChannel = false;
  private isClosed = false;

  constructor(
    private readonly context: MediaContext,
    private readonly localMedia: LocalMedia,
    private readonly events: BridgeLegEvents,
  ) {}

  get media(): MediaSession | null {
    return this.session?.media ?? null;
  }

  get region(): string {
    return this.session?.region ?? "";
  }

  get isDoubtful(): boolean {
    const state = this.session?.media.pc.connectionState;
    return state === "disconnected" || state === "failed";
  }

  close(): void {
    this.isClosed = true;
    window.clearTimeout(this.deadline);
    this.session?.close();
    this.session = null;
  }

  constrain(constraints: ReceiverConstraints): void {
    this.constraints = constraints;
    this.session?.constrain(constraints);
  }

  send(message: string): void {
    this.session?.sendMessage(message);
  }

  /** The server was out of reach and is back; so is, perhaps, the bridge channel. */
  renewChannel(): void {
    this.session?.renewChannel();
  }

  /** Carry the media (true) or stand by, connected and silent. */
  setTransferring(transferring: boolean): void {
    void this.session?.media.setTransferring(transferring);
  }

  async updateLocal(): Promise<void> {
    for (const slot of SLOTS) {
      const { track, isPresent } = slotTrack(this.localMedia, slot);
      this.announce(slot, track !== null);
      // A session that ended meanwhile has nobody to tell.
      await this.session?.setTrack(slot, track, isPresent).catch(() => undefined);
    }
  }

  /** A Jingle IQ from the focus; answers it. */
  receive(iq: Xml, jingle: Jingle): void {
    const { connection } = this.context;
    const focusJid = iq.attrs.from ?? "";
    if (!this.context.isFocus(focusJid)) {
      const why = xml("security-error", { xmlns: NS.jingleErrors });
      connection.refuse(iq, "not-allowed", "auth", why);
      return;
    }
    if (jingle.action === "session-initiate") {
      if (this.session?.sid === jingle.sid) {
        connection.refuse(iq, "service-unavailable");
        return;
      }
      connection.reply(iq);
      this.start(jingle, focusJid);
      return;
    }
    if (!this.session || this.session.sid !== jingle.sid) {
      refuseUnknownSession(connection, iq);
      return;
    }
    connection.reply(iq);
    switch (jingle.action) {
      case "source-add":
      case "source-remove":
        this.session.changeSources(jingle).catch((error: unknown) => this.complain(error));
        break;
      case "transport-info":
        this.session.restartIce(jingle).catch((error: unknown) => this.complain(error));
        break;
      case "session-terminate":
        this.session.close();
        this.session = null;
        this.events.ended();
        break;
      default:
        break;
    }
  }

  /** The rule for frames has changed: follow it, in a new session where this one cannot. */
  async followFrameRule(): Promise<void> {
    const { session } = this;
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

  private announce(slot: LocalSlot, isOn: boolean): void {
    if (slot.kind !== "video" || (slot.index !== 0 && !isOn)) return;
    const type = slot.index === 0 ? "camera" : "desktop";
    this.session?.announceVideo(slot, isOn ? type : "none");
  }

  private start(offer: Jingle, focusJid: string): void {
    this.session?.close();
    const session: BridgeSession = new BridgeSession({ ...this.context, focusJid }, offer, {
      tracksChanged: () => this.events.tracksChanged(),
      message: (message) => {
        this.askedForChannel = false;
        this.events.message(message);
      },
      channelRefused: () => void this.channelRefused(session),
      connectionState: (state) => this.stateChanged(session, state),
      failed: (reason) => this.complain(new Error(reason)),
    });
    this.session = session;
    window.clearTimeout(this.deadline);
    this.deadline = window.setTimeout(() => {
      const { connectionState } = session.media.pc;
      // A failed one is being restarted already.
      if (connectionState === "new" || connectionState === "connecting") this.failed(session);
    }, CONNECT_MS);
    if (this.constraints) session.constrain(this.constraints);
    this.events.began();
    void this.updateLocal();
    session.accept().then(
      () => {
        // What changed while the offer was being answered.
        if (this.session === session) void this.updateLocal();
      },
      (error: unknown) => {
        this.complain(error);
        if (this.session === session) void this.restart(session);
      },
    );
  }

  private stateChanged(session: BridgeSession, state: RTCPeerConnectionState): void {
    if (session !== this.session) return;
    if (state === "disconnected") this.events.interrupted(true);
    if (state === "connected") {
      this.events.interrupted(false);
      this.restarts = 0;
      this.everWorked = true;
    }
    if (state === "failed") this.failed(session);
  }

  private failed(session: BridgeSession): void {
    if (session !== this.session) return;
    this.events.interrupted(true);
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
      if (session !== this.session || session.media.pc.connectionState === "connected") return;
      await session.requestRestart();
    } catch {
      if (session === this.session && !this.isClosed) this.events.lost(this.everWorked);
    }
  }

  /**
   * Media arrives and the channel does not: perhaps the bridge knows another session by now. A new
   * one is worth trying, once; where something on the way forbids channels it would be no better.
   */
  private async channelRefused(session: BridgeSession): Promise<void> {
    if (session !== this.session || this.askedForChannel) return;
    if (this.context.connection.isInterrupted) return;
    if (session.media.pc.connectionState !== "connected") return;
    this.askedForChannel = true;
    await session.requestRestart().catch((error: unknown) => this.complain(error));
  }

  private complain(error: unknown): void {
    if (!this.isClosed) console.warn("media:", error);
  }
}

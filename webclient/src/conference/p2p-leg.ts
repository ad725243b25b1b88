/** The direct way to the only other person: when it is tried, and what becomes of it. */
import { type EndpointId, randomHex8 } from "../protocol/ids";
import { buildJingle, buildReason, type Jingle } from "../protocol/jingle";
import type { Xml } from "../protocol/xml";
import type { LocalMedia } from "./local-media";
import { SLOTS, slotTrack } from "./local-slots";
import { type MediaContext, refuseUnknownSession } from "./media-context";
import type { MediaSession } from "./media-session";
import { p2pWish } from "./p2p-rule";
import { P2pSession } from "./p2p-session";

export interface P2pLegEvents {
  /** It takes the media from now on. */
  connected(): void;
  /** Its way is doubtful. */
  interrupted(): void;
  /** It is gone, or never came to be. */
  ended(): void;
  tracksChanged(): void;
}

const CONNECT_MS = 15_000;

export class P2pLeg {
  private session: P2pSession | null = null;
  private startTimer = 0;
  private deadline = 0;
  /** Together with whom the attempt failed; not tried again with the same company. */
  private refusedBy: EndpointId | null = null;
  private hadCrowd = false;
  private isClosed = false;

  constructor(
    private readonly context: MediaContext,
    private readonly localMedia: LocalMedia,
    private readonly events: P2pLegEvents,
  ) {}

  get media(): MediaSession | null {
    return this.session?.media ?? null;
  }

  close(): void {
    this.isClosed = true;
    window.clearTimeout(this.startTimer);
    window.clearTimeout(this.deadline);
    this.session?.terminate("success", "leaving");
    this.session = null;
  }

  async updateLocal(): Promise<void> {
    for (const slot of SLOTS) {
      const { track, isPresent } = slotTrack(this.localMedia, slot);
      // A session that ended meanwhile has nobody to tell.
      await this.session?.setTrack(slot, track, isPresent).catch(() => undefined);
    }
  }

  /** Somebody came or went: two people alone talk directly. */
  companyChanged(): void {
    if (this.isClosed) return;
    const company = this.context.company();
    const wish = p2pWish(company);
    if (company.others.length !== 1) this.hadCrowd = company.others.length > 1;
    if (company.others.length !== 1 || company.others[0]?.id !== this.refusedBy) {
      this.refusedBy = null;
    }
    if (this.session && (wish.kind === "none" || wish.peer !== this.session.peer)) {
      this.session.terminate("success", "Turning off P2P session");
      this.drop();
    }
    window.clearTimeout(this.startTimer);
    if (wish.kind !== "with" || !wish.starts) return;
    const { peer } = wish;
    if (this.session || this.refusedBy === peer) return;
    // After a crowd the room settles first; two people who just met need not wait.
    this.startTimer = window.setTimeout(
      () => this.start(peer),
      this.hadCrowd ? this.context.backToP2PDelayMs : 0,
    );
  }

  /** A Jingle IQ from another occupant; answers it. */
  receive(iq: Xml, jingle: Jingle, nick: EndpointId): void {
    const { connection } = this.context;
    const from = iq.attrs.from ?? "";
    if (jingle.action === "session-initiate") {
      connection.reply(iq);
      const wish = p2pWish(this.context.company());
      if (wish.kind === "none" || wish.peer !== nick) {
        this.decline(jingle, from, "decline", "P2P requirements not met");
      } else if (this.session && this.session.media.pc.connectionState !== "failed") {
        this.decline(jingle, from, "busy", "");
      } else {
        this.answer(jingle, nick);
      }
      return;
    }
    const { session } = this;
    if (!session || session.sid !== jingle.sid || session.peer !== nick) {
      refuseUnknownSession(connection, iq);
      return;
    }
    connection.reply(iq);
    session.received(jingle).catch((error: unknown) => {
      this.complain(error);
      this.session?.terminate("failed-application");
      this.failed(nick);
    });
  }

  private decline(jingle: Jingle, peerJid: string, condition: string, words: string): void {
    const session = { sid: jingle.sid, initiator: jingle.initiator ?? peerJid };
    const refusal = buildJingle("session-terminate", session, buildReason(condition, words));
    this.context.connection.request("set", peerJid, refusal).catch(() => undefined);
  }

  private begin(peer: EndpointId, sid: string, isInitiator: boolean): P2pSession {
    const { room, endpoint } = this.context;
    const session: P2pSession = new P2pSession(
      {
        ...this.context,
        peer,
        ownOccupantJid: `${room}/${endpoint}`,
        peerOccupantJid: `${room}/${peer}`,
      },
      sid,
      isInitiator,
      {
        tracksChanged: () => this.events.tracksChanged(),
        connectionState: (state) => this.stateChanged(session, state),
        ended: () => session === this.session && this.failed(peer),
      },
    );
    this.session = session;
    window.clearTimeout(this.deadline);
    this.deadline = window.setTimeout(() => {
      if (session !== this.session) return;
      session.terminate("connectivity-error", "ICE FAILED");
      this.failed(peer);
    }, CONNECT_MS);
    for (const slot of SLOTS) {
      const { track, isPresent } = slotTrack(this.localMedia, slot);
      if (isPresent) void session.media.setTrack(slot, track, true);
    }
    return session;
  }

  private start(peer: EndpointId): void {
    if (this.isClosed || this.session) return;
    const session = this.begin(peer, randomHex8() + randomHex8(), true);
    session.initiate().catch(() => {
      // Without an answer the bridge carries the meeting; nothing is lost.
      if (session !== this.session) return;
      session.close();
      this.failed(peer);
    });
  }

  private answer(offer: Jingle, peer: EndpointId): void {
    this.session?.close();
    window.clearTimeout(this.startTimer);
    const session = this.begin(peer, offer.sid, false);
    session.answer(offer).catch((error: unknown) => {
      this.complain(error);
      if (session !== this.session) return;
      session.terminate("failed-application");
      this.failed(peer);
    });
  }

  private stateChanged(session: P2pSession, state: RTCPeerConnectionState): void {
    if (session !== this.session) return;
    if (state === "connected") {
      window.clearTimeout(this.deadline);
      this.events.connected();
    } else if (state === "disconnected") {
      this.events.interrupted();
    } else if (state === "failed") {
      session.terminate("connectivity-error", "ICE FAILED");
      this.failed(session.peer);
    }
  }

  private failed(peer: EndpointId): void {
    this.refusedBy = peer;
    this.drop();
  }

  private drop(): void {
    this.session = null;
    window.clearTimeout(this.deadline);
    this.events.ended();
  }

  private complain(error: unknown): void {
    if (!this.isClosed) console.warn("media:", error);
  }
}

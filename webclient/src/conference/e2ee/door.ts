/**
 * The way to end-to-end encryption, which is loaded when somebody in the room wants it: first
 * presences and messages wait here until it is there.
 */
import {
  type EncryptionPresence,
  type IdentityKeys,
  NO_ENCRYPTION,
  type OlmMessage,
  parseOlmMessage,
} from "../../protocol/e2ee/messages";
import type { EndpointId } from "../../protocol/ids";
import type { LocalSlot } from "../local-slots";
import type { Dispatch } from "../store";
import type { Encryption } from "./encryption";
import type { FramePipes } from "./frame-pipes";
import { type EncryptionState, initialEncryption } from "./state";
import { canEncrypt } from "./support";

export interface DoorEvents {
  send(to: EndpointId, message: OlmMessage): void;
  /** Our own presence says something else now. */
  announced(): void;
  /** See EncryptionContext. */
  lead(): Promise<void>;
  /** What this slot sends could not be encrypted, so it sends nothing. */
  stopped(slot: LocalSlot): void;
}

/** What sessions must do with their frames. */
export interface FrameRule {
  readonly pipes: FramePipes;
  readonly isOn: boolean;
  /** To be told each second that somebody wants to send there, and nothing may be sent. */
  stopped(slot: LocalSlot): void;
}

const MAX_WAITING = 1_000;

export class EncryptionDoor {
  private readonly isSupported = canEncrypt();
  private identity: IdentityKeys | null = null;
  private isAnnouncedOn = false;
  private wanted = false;
  private ownId: EndpointId = "";
  private core: Encryption | null = null;
  private module: typeof import("./encryption") | null = null;
  private loading: Promise<void> | null = null;
  private waiting: ((core: Encryption) => void)[] = [];
  private readonly peers = new Map<EndpointId, EncryptionPresence>();

  constructor(
    private readonly dispatch: Dispatch,
    private readonly events: DoorEvents,
  ) {}

  /** Whether it is on, as far as sessions and peers are concerned; fails closed while loading. */
  get isOn(): boolean {
    return this.wanted;
  }

  get presence(): EncryptionPresence {
    const { isSupported, identity, isAnnouncedOn: isOn } = this;
    return isSupported ? { isSupported, isOn, identity } : NO_ENCRYPTION;
  }

  get rule(): FrameRule | null {
    const { core } = this;
    if (!core) return null;
    return { pipes: core.pipes, isOn: core.isOn, stopped: (slot) => this.events.stopped(slot) };
  }

  /** A new seat: other people do not know us, so everything begins anew. */
  entering(ownId: EndpointId): void {
    this.close();
    this.ownId = ownId;
    this.tell({ ...initialEncryption, own: this.isSupported ? "off" : "unsupported" });
    // At once where it can be: the new seat must not send a frame in the clear.
    if (this.wanted && this.module) this.open(this.module);
    if (this.wanted) this.setOn(true);
  }

  setOn(on: boolean): void {
    if (!this.isSupported) return;
    this.wanted = on;
    if (on && !this.core) this.tell({ ...initialEncryption, own: "starting" });
    this.with((core) => core.setOn(on));
  }

  peerChanged(id: EndpointId, presence: EncryptionPresence): void {
    this.peers.set(id, presence);
    if (this.core) this.core.peerChanged(id, presence);
    // One who encrypts is not to be heard or seen as noise.
    else if (presence.isOn) this.with(() => undefined);
  }

  peerLeft(id: EndpointId): void {
    this.peers.delete(id);
    this.core?.peerLeft(id);
  }

  receive(from: EndpointId, olm: unknown): void {
    const message = parseOlmMessage(olm);
    if (message && this.peers.has(from)) this.with((core) => core.receive(from, message));
  }

  compare(peer: EndpointId): void {
    this.core?.compare(peer);
  }

  confirm(peer: EndpointId, isSame: boolean): void {
    this.core?.confirm(peer, isSame);
  }

  endComparison(): void {
    this.core?.endComparison();
  }

  close(): void {
    this.core?.close();
    this.core = null;
    this.loading = null;
    this.waiting = [];
    this.ownId = "";
    this.peers.clear();
    this.identity = null;
    this.isAnnouncedOn = false;
  }

  private with(task: (core: Encryption) => void): void {
    if (!this.isSupported) return;
    if (this.core) {
      task(this.core);
      return;
    }
    if (this.waiting.length < MAX_WAITING) this.waiting.push(task);
    if (this.loading) return;
    const loading = this.load().catch((error: unknown) => {
      console.warn("encryption:", error);
      if (this.loading === loading) this.tell({ ...initialEncryption, own: "failed" });
    });
    this.loading = loading;
  }

  private async load(): Promise<void> {
    const { ownId } = this;
    const module = await import("./encryption");
    await module.ready();
    this.module = module;
    if (ownId === this.ownId && !this.core) this.open(module);
  }

  private open({ Encryption: Core }: typeof import("./encryption")): void {
    const core = new Core(this.ownId, {
      send: (to, message) => this.events.send(to, message),
      announce: (identity, isOn) => {
        this.identity = identity;
        this.isAnnouncedOn = isOn;
        this.events.announced();
      },
      changed: (state) => this.tell(state),
      lead: () => this.events.lead(),
    });
    this.core = core;
    this.events.lead().catch((error: unknown) => console.warn("encryption:", error));
    for (const [id, presence] of this.peers) core.peerChanged(id, presence);
    for (const task of this.waiting.splice(0)) task(core);
  }

  private tell(encryption: EncryptionState): void {
    this.dispatch({ kind: "encryption-changed", encryption });
  }
}

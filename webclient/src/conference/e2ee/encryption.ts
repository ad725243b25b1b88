/**
 * End-to-end encryption of one seat in a room: its identity, its keys, who can read whom.
 *
 * Fails closed: from the moment it is switched on nothing leaves unencrypted, and nothing is shown
 * that was not decrypted. The states it tells come from keys and frames, never from what others say
 * about us.
 */
import Olm from "@matrix-org/olm";
import olmWasm from "@matrix-org/olm/olm.wasm?url";
import { decimalCode, pictureCode } from "../../protocol/e2ee/comparison-code";
import { ratchet, SECRET_BYTES } from "../../protocol/e2ee/frames";
import type { EncryptionPresence, IdentityKeys, OlmMessage } from "../../protocol/e2ee/messages";
import type { EndpointId } from "../../protocol/ids";
import { Comparisons } from "./comparison";
import { FramePipes, type FrameStatus } from "./frame-pipes";
import { KeyExchange, type Secret } from "./key-exchange";
import { newAccount, type OlmAccount } from "./olm";
import {
  type Comparison,
  type EncryptionState,
  initialEncryption,
  type PeerEncryption,
} from "./state";

export interface EncryptionContext {
  send(to: EndpointId, message: OlmMessage): void;
  /** Say it in our presence. */
  announce(identity: IdentityKeys, isOn: boolean): void;
  changed(state: EncryptionState): void;
  /** Lead every session's frames through the pipes, and none past them. */
  lead(): Promise<void>;
}

/** People leave together: one new key is enough for all of them. */
const ROTATE_AFTER_MS = 1_000;
/** Who hears nothing of us meanwhile must still find our key (see RATCHET_WINDOW). */
const RATCHETS_PER_KEY = 6;

interface Peer {
  presence: EncryptionPresence;
  hasKey: boolean;
  isFailing: boolean;
}

export class Encryption {
  readonly pipes: FramePipes;
  private readonly exchange: KeyExchange;
  private readonly comparisons: Comparisons;
  private readonly peers = new Map<EndpointId, Peer>();
  private state: EncryptionState = initialEncryption;
  private secret: Secret | null = null;
  private ratchets = 0;
  private rotation: ReturnType<typeof setTimeout> | undefined;
  private tail: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  private readonly account: OlmAccount;

  /** A new identity; `ready` must have resolved before. */
  constructor(
    ownId: EndpointId,
    private readonly context: EncryptionContext,
  ) {
    const account = newAccount(Olm);
    this.account = account;
    this.pipes = new FramePipes((status) => this.frames(status));
    this.exchange = new KeyExchange(account, ownId, {
      send: context.send,
      secret: (from, secret) => this.learned(from, secret),
    });
    this.comparisons = new Comparisons(
      account,
      ownId,
      {
        identity: (peer) => this.peers.get(peer)?.presence.identity ?? null,
        sessionKey: (peer) => this.exchange.sessionKey(peer),
      },
      {
        send: context.send,
        code: (peer, bytes) =>
          this.compared(peer, "compare", pictureCode(bytes), decimalCode(bytes)),
        done: (peer, result) => {
          if (result === "failed") this.trust(peer, null);
          else this.trust(peer, result);
          this.compared(peer, result);
        },
      },
    );
    context.announce(account.identity, false);
  }

  get isOn(): boolean {
    return this.state.own === "on" || this.state.own === "starting";
  }

  setOn(on: boolean): void {
    this.enqueue(() => (on ? this.start() : this.stop()));
  }

  /** Somebody's presence, also their first. */
  peerChanged(id: EndpointId, presence: EncryptionPresence): void {
    const before = this.peers.get(id);
    const peer = before ?? { presence, hasKey: false, isFailing: false };
    const wasOn = peer.presence.isOn;
    const wasIdentity = peer.presence.identity?.ed25519;
    peer.presence = presence;
    this.peers.set(id, peer);
    if (wasIdentity !== undefined && wasIdentity !== presence.identity?.ed25519) {
      this.trust(id, null);
    }
    this.pipes.tell({ do: "encrypts", participant: id, encrypts: presence.isOn });
    this.exchange.peerChanged(id, presence.isOn, presence.identity);
    if (before && wasOn && !presence.isOn) this.rotateSoon();
    // Whoever comes later must not be able to read what was said before.
    if (!before) this.enqueue(() => this.ratchet());
    this.update();
  }

  peerLeft(id: EndpointId): void {
    if (!this.peers.delete(id)) return;
    this.exchange.peerLeft(id);
    this.comparisons.drop(id);
    this.pipes.tell({ do: "forget", participant: id });
    this.rotateSoon();
    const { [id]: _, ...trust } = this.state.trust;
    const comparison = this.state.comparison?.with === id ? null : this.state.comparison;
    this.update({ trust, comparison });
  }

  receive(from: EndpointId, message: OlmMessage): void {
    this.exchange.receive(from, message);
    this.comparisons.receive(from, message);
  }

  compare(peer: EndpointId): void {
    this.compared(peer, "waiting");
    this.comparisons.start(peer);
  }

  confirm(peer: EndpointId, isSame: boolean): void {
    const { comparison } = this.state;
    if (comparison?.with === peer && isSame)
      this.update({ comparison: { ...comparison, step: "confirmed" } });
    this.comparisons.confirm(peer, isSame);
  }

  endComparison(): void {
    const { comparison } = this.state;
    if (comparison && !["verified", "compared", "failed"].includes(comparison.step)) {
      this.comparisons.drop(comparison.with);
    }
    this.update({ comparison: null });
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.rotation);
    this.exchange.close();
    this.comparisons.close();
    this.pipes.close();
    this.account.free();
  }

  private async start(): Promise<void> {
    if (this.isOn) return;
    this.pipes.tell({ do: "switch", on: true });
    this.update({ own: "starting" });
    try {
      await this.context.lead();
    } catch (error) {
      console.warn("encryption:", error);
      this.pipes.tell({ do: "switch", on: false });
      this.update({ own: "failed" });
      return;
    }
    this.context.announce(this.account.identity, true);
    this.use(await this.exchange.start(fresh()));
    this.update({ own: "on" });
  }

  private async stop(): Promise<void> {
    if (!this.isOn) {
      if (this.state.own === "failed") this.update({ own: "off" });
      return;
    }
    clearTimeout(this.rotation);
    this.exchange.stop();
    this.secret = null;
    this.context.announce(this.account.identity, false);
    this.pipes.tell({ do: "own-secret", secret: null, index: 0 });
    this.pipes.tell({ do: "switch", on: false });
    this.update({ own: "off" });
    await this.context.lead();
  }

  private async ratchet(): Promise<void> {
    if (!this.secret || this.state.own !== "on") return;
    this.ratchets += 1;
    if (this.ratchets > RATCHETS_PER_KEY) await this.rotate();
    else this.use(this.exchange.ratcheted(await ratchet(this.secret.bytes)), false);
  }

  private rotateSoon(): void {
    if (!this.isOn) return;
    clearTimeout(this.rotation);
    this.rotation = setTimeout(() => this.enqueue(() => this.rotate()), ROTATE_AFTER_MS);
  }

  private async rotate(): Promise<void> {
    if (!this.secret || this.state.own !== "on") return;
    const next = await this.exchange.rotate(fresh());
    if (this.isOn) this.use(next);
  }

  private use(secret: Secret, isNew = true): void {
    if (this.isClosed) return;
    this.secret = secret;
    this.pipes.tell({ do: "own-secret", secret: secret.bytes, index: secret.index });
    if (!isNew) return;
    this.ratchets = 0;
    this.update({ keys: this.state.keys + 1 });
  }

  private learned(from: EndpointId, secret: Secret | null): void {
    const peer = this.peers.get(from);
    if (!peer) return;
    peer.hasKey = secret !== null;
    peer.isFailing = false;
    this.pipes.tell({
      do: "secret",
      participant: from,
      secret: secret?.bytes ?? null,
      index: secret?.index ?? 0,
    });
    this.update();
  }

  private frames({ participant, status }: FrameStatus): void {
    const peer = this.peers.get(participant);
    if (!peer) return;
    peer.isFailing = status === "failing";
    this.update();
  }

  private compared(
    peer: EndpointId,
    step: Comparison["step"],
    pictures: readonly number[] = this.state.comparison?.pictures ?? [],
    numbers: readonly number[] = this.state.comparison?.numbers ?? [],
  ): void {
    this.update({ comparison: { with: peer, step, pictures, numbers } });
  }

  private trust(peer: EndpointId, trust: "verified" | "compared" | null): void {
    const { [peer]: _, ...others } = this.state.trust;
    this.update({ trust: trust ? { ...others, [peer]: trust } : others });
  }

  private update(changes: Partial<EncryptionState> = {}): void {
    if (this.isClosed) return;
    const peers = Object.fromEntries([...this.peers].map(([id, peer]) => [id, stateOf(peer)]));
    const next = { ...this.state, ...changes, peers };
    if (JSON.stringify(next) === JSON.stringify(this.state)) return;
    this.state = next;
    this.context.changed(next);
  }

  private enqueue(task: () => Promise<void>): void {
    this.tail = this.tail
      .then(() => (this.isClosed ? undefined : task()))
      .catch((error: unknown) => console.warn("encryption:", error));
  }
}

/** Load what everything here needs. */
export async function ready(): Promise<void> {
  // Given to init() it would be assigned to a variable that nobody declares: an error in a module.
  Object.assign(globalThis, { OLM_OPTIONS: { locateFile: () => olmWasm } });
  await Olm.init();
}

function fresh(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
}

function stateOf({ presence, hasKey, isFailing }: Peer): PeerEncryption {
  if (presence.isOn) return isFailing ? "failing" : hasKey ? "encrypted" : "waiting";
  return presence.isSupported ? "off" : "unsupported";
}

/**
 * Who may decrypt us, and whom we can decrypt: Olm sessions between every two clients, over which
 * they send each other the secrets their frames are encrypted with.
 *
 * Of two clients the one with the lower id asks (`session-init`), the other answers with the first
 * message of a session (`session-ack`). Later secrets go as `key-info`, acknowledged with the other's
 * own. A session is kept while its partner is here: switching off and on again may find it on one
 * side only, since stock clients forget theirs when they switch off.
 */
import { SECRET_BYTES } from "../../protocol/e2ee/frames";
import type { IdentityKeys, OlmMessage } from "../../protocol/e2ee/messages";
import type { EndpointId } from "../../protocol/ids";
import type { OlmAccount, OlmSession } from "./olm";

export interface Secret {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly index: number;
}

export interface ExchangeEvents {
  send(to: EndpointId, message: OlmMessage): void;
  /** Somebody's secret, or null when they have stopped encrypting. */
  secret(from: EndpointId, secret: Secret | null): void;
}

/** How long a client waits for an answer, as stock clients do. */
const ANSWER_MS = 5_000;
const ATTEMPTS = 3;

interface Peer {
  identity: IdentityKeys | null;
  /** It says that it encrypts, so it may have our secret. */
  isOn: boolean;
  session: OlmSession | null;
  /** The identity key the session runs on. */
  sessionKey: string;
  asked: { uuid: string; attempt: number; timer: ReturnType<typeof setTimeout> } | null;
}

export class KeyExchange {
  private readonly peers = new Map<EndpointId, Peer>();
  private readonly answers = new Map<string, () => void>();
  private own: Secret | null = null;
  private isOn = false;
  private index = -1;

  constructor(
    private readonly account: OlmAccount,
    private readonly ownId: EndpointId,
    private readonly events: ExchangeEvents,
  ) {}

  /** The identity key that our session with somebody runs on; null without a session. */
  sessionKey(id: EndpointId): string | null {
    const peer = this.peers.get(id);
    return peer?.session ? peer.sessionKey : null;
  }

  /** What somebody's presence says; a partner who begins to encrypt is asked for a session. */
  peerChanged(id: EndpointId, isOn: boolean, identity: IdentityKeys | null): void {
    const peer = this.peers.get(id) ?? {
      identity: null,
      isOn: false,
      session: null,
      sessionKey: "",
      asked: null,
    };
    // Without its keys in the presence there is nothing to hold a session against.
    const began = isOn && identity !== null && !(peer.isOn && peer.identity);
    this.peers.set(id, peer);
    peer.isOn = isOn;
    peer.identity = identity;
    if (began && this.isOn) this.approach(id, peer);
  }

  peerLeft(id: EndpointId): void {
    const peer = this.peers.get(id);
    if (!peer) return;
    clearTimeout(peer.asked?.timer);
    peer.session?.free();
    this.peers.delete(id);
  }

  /** Begin with a secret of our own; resolves when everybody who can has it, or had the time. */
  async start(bytes: Secret["bytes"]): Promise<Secret> {
    this.isOn = true;
    const secret = this.renew(bytes);
    for (const [id, peer] of this.peers) if (peer.isOn && peer.identity) this.approach(id, peer);
    await this.tellAll(true);
    return secret;
  }

  /** Replace our secret; resolves when everybody who can has it, or had the time to take it. */
  async rotate(bytes: Secret["bytes"]): Promise<Secret> {
    const secret = this.renew(bytes);
    await this.tellAll(true);
    return secret;
  }

  /** The secret has moved on in a way that others find out by themselves; newcomers are told it. */
  ratcheted(bytes: Secret["bytes"]): Secret {
    this.own = { bytes, index: this.index };
    return this.own;
  }

  stop(): void {
    this.isOn = false;
    this.own = null;
    this.index += 1;
    for (const peer of this.peers.values()) this.forgetQuestion(peer);
    void this.tellAll(false);
  }

  close(): void {
    for (const id of [...this.peers.keys()]) this.peerLeft(id);
    for (const answered of this.answers.values()) answered();
    this.answers.clear();
  }

  receive(from: EndpointId, message: OlmMessage): void {
    const peer = this.peers.get(from);
    if (!peer) return;
    try {
      this.take(from, peer, message);
    } catch {
      this.complain(from, "cannot be decrypted");
    }
  }

  private take(from: EndpointId, peer: Peer, message: OlmMessage): void {
    switch (message.type) {
      case "session-init": {
        const { idKey, otKey, uuid } = message.data;
        // The key of the session and the one in the presence must be one and the same.
        if (peer.identity?.curve25519 !== idKey) {
          this.complain(from, "another identity key than in the presence");
          return;
        }
        const session = this.account.outbound(idKey, otKey);
        this.replaceSession(peer, session, idKey);
        const ciphertext = session.encrypt(this.ownInfo(peer));
        this.events.send(from, { type: "session-ack", data: { ciphertext, uuid } });
        break;
      }
      case "session-ack": {
        const { ciphertext, uuid } = message.data;
        if (peer.asked?.uuid !== uuid || !peer.identity) {
          this.complain(from, "Invalid UUID");
          return;
        }
        const { curve25519 } = peer.identity;
        const { session, plaintext } = this.account.inbound(curve25519, ciphertext);
        this.replaceSession(peer, session, curve25519);
        this.forgetQuestion(peer);
        this.learn(from, plaintext);
        if (this.own) void this.tell(from, peer, session);
        break;
      }
      case "key-info":
      case "key-info-ack": {
        const { session } = peer;
        const { ciphertext, uuid } = message.data;
        if (!session) {
          this.complain(from, `No session found while processing ${message.type}`);
          return;
        }
        this.learn(from, session.decrypt(ciphertext.type, ciphertext.body));
        if (message.type === "key-info-ack") {
          this.answers.get(uuid)?.();
        } else {
          const answer = session.encrypt(this.ownInfo(peer));
          this.events.send(from, { type: "key-info-ack", data: { ciphertext: answer, uuid } });
        }
        break;
      }
      case "error":
        // It has a session where we asked for a new one: the old one is good enough.
        if (peer.asked && peer.session) {
          this.forgetQuestion(peer);
          if (this.own) void this.tell(from, peer, peer.session);
        }
        break;
      default:
        break;
    }
  }

  private renew(bytes: Secret["bytes"]): Secret {
    this.index += 1;
    this.own = { bytes, index: this.index };
    return this.own;
  }

  /** Of two, the one with the lower id asks; the other is asked. */
  private approach(id: EndpointId, peer: Peer): void {
    if (this.ownId < id) this.ask(id, peer, 1);
    else if (peer.session && this.own) void this.tell(id, peer, peer.session);
  }

  private ask(id: EndpointId, peer: Peer, attempt: number): void {
    clearTimeout(peer.asked?.timer);
    const uuid = crypto.randomUUID();
    const timer = setTimeout(() => {
      if (attempt < ATTEMPTS) {
        this.ask(id, peer, attempt + 1);
        return;
      }
      // Nobody answers there; it may still ask us, or be asked again when it says so anew.
      peer.asked = null;
    }, ANSWER_MS);
    peer.asked = { uuid, attempt, timer };
    this.events.send(id, {
      type: "session-init",
      data: { idKey: this.account.identity.curve25519, otKey: this.account.oneTimeKey(), uuid },
    });
  }

  private forgetQuestion(peer: Peer): void {
    clearTimeout(peer.asked?.timer);
    peer.asked = null;
  }

  private replaceSession(peer: Peer, session: OlmSession, key: string): void {
    peer.session?.free();
    peer.session = session;
    peer.sessionKey = key;
  }

  private async tellAll(onlyThoseOn: boolean): Promise<void> {
    await Promise.all(
      [...this.peers].map(([id, peer]) =>
        peer.session && (peer.isOn || !onlyThoseOn) ? this.tell(id, peer, peer.session) : undefined,
      ),
    );
  }

  private tell(id: EndpointId, peer: Peer, session: OlmSession): Promise<void> {
    const uuid = crypto.randomUUID();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.answers.delete(uuid);
        resolve();
      };
      const timer = setTimeout(done, ANSWER_MS);
      this.answers.set(uuid, done);
      const ciphertext = session.encrypt(this.ownInfo(peer));
      this.events.send(id, { type: "key-info", data: { ciphertext, uuid } });
    });
  }

  /** What we tell a partner about our secret; only who encrypts as well gets it. */
  private ownInfo(peer: Peer): string {
    if (this.own && peer.isOn) {
      return JSON.stringify({ key: toBase64(this.own.bytes), keyIndex: this.own.index });
    }
    return JSON.stringify(this.index >= 0 && !this.own ? { key: false, keyIndex: this.index } : {});
  }

  private learn(from: EndpointId, plaintext: string): void {
    const { key, keyIndex } = JSON.parse(plaintext) as { key?: unknown; keyIndex?: unknown };
    if (key === false) this.events.secret(from, null);
    if (typeof key !== "string" || !Number.isInteger(keyIndex)) return;
    const bytes = fromBase64(key);
    if (bytes.length !== SECRET_BYTES || (keyIndex as number) < 0) return;
    this.events.secret(from, { bytes, index: keyIndex as number });
  }

  private complain(to: EndpointId, error: string): void {
    this.events.send(to, { type: "error", data: { error } });
  }
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

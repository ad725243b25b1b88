/**
 * Two people compare a code, and their clients then vouch for their keys (Matrix specification, short
 * authentication strings, as stock clients speak it): start, accept with a commitment, keys, and,
 * after the person has said that the codes are the same, MACs.
 *
 * In the stock client's dialogue the MACs cover the signing key that nothing else uses. Ours add one
 * over the two keys the Olm session runs on; where the other side does the same, a room that sits in
 * the middle of the session is found out. Where it does not, the result says so ("compared").
 */
import { CODE_BYTES } from "../../protocol/e2ee/comparison-code";
import type { IdentityKeys, OlmMessage, SasMac } from "../../protocol/e2ee/messages";
import type { EndpointId } from "../../protocol/ids";
import type { OlmAccount, OlmSas } from "./olm";

export type ComparisonResult =
  /** The keys in use are vouched for. */
  | "verified"
  /** Codes and signing keys agree; the other client says nothing about the session's keys. */
  | "compared"
  | "failed";

export interface ComparisonEvents {
  send(to: EndpointId, message: OlmMessage): void;
  /** The bytes both sides should have. */
  code(peer: EndpointId, bytes: Uint8Array): void;
  done(peer: EndpointId, result: ComparisonResult): void;
}

/** What a comparison vouches for. */
export interface ComparedKeys {
  /** The partner's, as its presence says. */
  identity(peer: EndpointId): IdentityKeys | null;
  /** The partner's key our Olm session runs on; null without a session. */
  sessionKey(peer: EndpointId): string | null;
}

const MAC_INFO = "Jitsi-KEY_VERIFICATION_MAC";
const KEY_IDS = "Jitsi-KEY_IDS";
const SESSION = "Tertulia-SESSION";

interface Dialogue {
  readonly sas: OlmSas;
  readonly transactionId: string;
  readonly isInitiator: boolean;
  commitment: string;
  isKeySent: boolean;
  isConfirmed: boolean;
  theirMac: SasMac | null;
}

export class Comparisons {
  private readonly dialogues = new Map<EndpointId, Dialogue>();

  constructor(
    private readonly account: OlmAccount,
    private readonly ownId: EndpointId,
    private readonly keys: ComparedKeys,
    private readonly events: ComparisonEvents,
  ) {}

  start(peer: EndpointId): void {
    if (!this.keys.sessionKey(peer)) {
      this.events.done(peer, "failed");
      return;
    }
    this.drop(peer);
    const dialogue = this.open(peer, crypto.randomUUID(), true);
    const data = { transactionId: dialogue.transactionId };
    this.events.send(peer, { type: "sas-start", data });
  }

  /** The person has looked: the codes are the same, or not. */
  confirm(peer: EndpointId, isSame: boolean): void {
    const dialogue = this.dialogues.get(peer);
    if (!isSame || !dialogue?.sas.hasTheirKey) {
      this.fail(peer);
      return;
    }
    if (dialogue.isConfirmed) return;
    dialogue.isConfirmed = true;
    this.events.send(peer, { type: "sas-mac", data: this.macs(peer, dialogue) });
    this.conclude(peer, dialogue);
  }

  drop(peer: EndpointId): void {
    this.dialogues.get(peer)?.sas.free();
    this.dialogues.delete(peer);
  }

  close(): void {
    for (const peer of [...this.dialogues.keys()]) this.drop(peer);
  }

  receive(from: EndpointId, message: OlmMessage): void {
    const dialogue = this.dialogues.get(from);
    switch (message.type) {
      case "sas-start": {
        // Both pressed the button at once: the lower id's question stands.
        if (dialogue && !dialogue.sas.hasTheirKey && dialogue.isInitiator && this.ownId < from)
          return;
        if (!this.keys.sessionKey(from)) {
          this.complain(from, "No session found while processing sas-init");
          return;
        }
        this.drop(from);
        const { transactionId } = message.data;
        const { sas } = this.open(from, transactionId, false);
        const commitment = this.commitmentTo(sas.publicKey, transactionId);
        this.events.send(from, { type: "sas-accept", data: { commitment, transactionId } });
        break;
      }
      case "sas-accept":
        if (!dialogue?.isInitiator || dialogue.commitment !== "") return;
        dialogue.commitment = message.data.commitment;
        this.sendKey(from, dialogue);
        break;
      case "sas-key":
        if (dialogue) this.takeKey(from, dialogue, message.data.key);
        break;
      case "sas-mac":
        if (!dialogue?.sas.hasTheirKey || dialogue.theirMac) return;
        dialogue.theirMac = message.data;
        this.conclude(from, dialogue);
        break;
      default:
        break;
    }
  }

  private open(peer: EndpointId, transactionId: string, isInitiator: boolean): Dialogue {
    const dialogue: Dialogue = {
      sas: this.account.sas(),
      transactionId,
      isInitiator,
      commitment: "",
      isKeySent: false,
      isConfirmed: false,
      theirMac: null,
    };
    this.dialogues.set(peer, dialogue);
    return dialogue;
  }

  /** What binds who answers to its key before it has seen ours. */
  private commitmentTo(publicKey: string, transactionId: string): string {
    return this.account.sha256(publicKey + JSON.stringify({ transactionId }));
  }

  private sendKey(to: EndpointId, dialogue: Dialogue): void {
    if (dialogue.isKeySent) return;
    dialogue.isKeySent = true;
    const { transactionId } = dialogue;
    const data = { key: dialogue.sas.publicKey, transactionId };
    this.events.send(to, { type: "sas-key", data });
  }

  private takeKey(from: EndpointId, dialogue: Dialogue, key: string): void {
    const { sas, isInitiator, transactionId } = dialogue;
    if (sas.hasTheirKey || key === sas.publicKey) return;
    if (isInitiator && dialogue.commitment !== this.commitmentTo(key, transactionId)) {
      this.complain(from, "commitments mismatched");
      this.fail(from);
      return;
    }
    sas.setTheirKey(key);
    const own = `${this.ownId}|${sas.publicKey}`;
    const theirs = `${from}|${key}`;
    const info = isInitiator ? `${own}|${theirs}` : `${theirs}|${own}`;
    this.sendKey(from, dialogue);
    this.events.code(from, sas.bytes(info, CODE_BYTES));
  }

  private macs(peer: EndpointId, { sas, transactionId }: Dialogue): SasMac {
    const info = `${MAC_INFO}${this.ownId}${peer}${transactionId}`;
    const name = `ed25519:${this.ownId}`;
    const { ed25519, curve25519 } = this.account.identity;
    const session = `${curve25519}|${this.keys.sessionKey(peer) ?? ""}`;
    return {
      mac: { [name]: sas.mac(ed25519, info + name) },
      keys: sas.mac(name, info + KEY_IDS),
      transactionId,
      session: sas.mac(session, info + SESSION),
    };
  }

  private conclude(peer: EndpointId, dialogue: Dialogue): void {
    const { sas, theirMac, transactionId } = dialogue;
    const identity = this.keys.identity(peer);
    if (!theirMac || !dialogue.isConfirmed) return;
    const info = `${MAC_INFO}${peer}${this.ownId}${transactionId}`;
    const names = Object.keys(theirMac.mac).sort();
    const isRight =
      identity !== null &&
      theirMac.keys === sas.mac(names.join(","), info + KEY_IDS) &&
      names.every((name) => theirMac.mac[name] === sas.mac(identity.ed25519, info + name));
    if (!isRight) {
      this.fail(peer);
      return;
    }
    if (theirMac.session === undefined) {
      this.finish(peer, "compared");
      return;
    }
    const session = `${this.keys.sessionKey(peer) ?? ""}|${this.account.identity.curve25519}`;
    this.finish(
      peer,
      theirMac.session === sas.mac(session, info + SESSION) ? "verified" : "failed",
    );
  }

  private fail(peer: EndpointId): void {
    this.finish(peer, "failed");
  }

  private finish(peer: EndpointId, result: ComparisonResult): void {
    this.drop(peer);
    this.events.done(peer, result);
  }

  private complain(to: EndpointId, error: string): void {
    this.events.send(to, { type: "error", data: { error } });
  }
}

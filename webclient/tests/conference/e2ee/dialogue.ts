/** Two or more clients with real Olm, whose messages are delivered by hand and written down. */
import Olm from "@matrix-org/olm";
import { type ComparisonResult, Comparisons } from "../../../src/conference/e2ee/comparison";
import { KeyExchange, type Secret } from "../../../src/conference/e2ee/key-exchange";
import { newAccount, type OlmAccount } from "../../../src/conference/e2ee/olm";
import { type OlmMessage, parseOlmMessage } from "../../../src/protocol/e2ee/messages";

export class Client {
  readonly account: OlmAccount = newAccount(Olm);
  readonly secrets = new Map<string, Secret | null>();
  readonly codes = new Map<string, string>();
  readonly results = new Map<string, ComparisonResult>();
  readonly exchange: KeyExchange;
  readonly comparisons: Comparisons;

  constructor(
    readonly id: string,
    private readonly room: Room,
  ) {
    const send = (to: string, message: OlmMessage): void => room.post(id, to, message);
    this.exchange = new KeyExchange(this.account, id, {
      send,
      secret: (from, secret) => this.secrets.set(from, secret),
    });
    this.comparisons = new Comparisons(
      this.account,
      id,
      {
        identity: (peer) => room.client(peer).claimed ?? room.client(peer).account.identity,
        sessionKey: (peer) => this.exchange.sessionKey(peer),
      },
      {
        send,
        code: (peer, bytes) => this.codes.set(peer, [...bytes].join()),
        done: (peer, result) => this.results.set(peer, result),
      },
    );
  }

  /** What the room says our keys are, where it lies. */
  claimed: { curve25519: string; ed25519: string } | null = null;

  turn(on: boolean): void {
    for (const other of this.room.others(this.id)) {
      other.exchange.peerChanged(this.id, on, this.account.identity);
    }
  }

  secretOf(peer: string): string | undefined {
    return this.secrets.get(peer)?.bytes.join();
  }
}

export class Room {
  readonly transcript: string[] = [];
  private readonly clients = new Map<string, Client>();
  private readonly queue: { from: string; to: string; message: OlmMessage }[] = [];
  /** Changes or swallows what is under way. */
  tamper: (from: string, to: string, message: OlmMessage) => OlmMessage | null = (_f, _t, m) => m;

  enter(id: string): Client {
    const client = new Client(id, this);
    for (const other of this.clients.values()) {
      other.exchange.peerChanged(id, false, client.account.identity);
      client.exchange.peerChanged(other.id, false, other.account.identity);
    }
    this.clients.set(id, client);
    return client;
  }

  client(id: string): Client {
    return this.clients.get(id)!;
  }

  others(id: string): Client[] {
    return [...this.clients.values()].filter((each) => each.id !== id);
  }

  post(from: string, to: string, message: OlmMessage): void {
    this.queue.push({ from, to, message });
  }

  /** Deliver everything, and what follows from it. */
  async settle(): Promise<void> {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const { from, to } = next;
      this.transcript.push(`${from} > ${to}: ${next.message.type}`);
      const message = this.tamper(from, to, next.message);
      // As it comes off the wire.
      const parsed = message && parseOlmMessage(JSON.parse(JSON.stringify(message)));
      if (parsed) {
        this.client(to).exchange.receive(from, parsed);
        this.client(to).comparisons.receive(from, parsed);
      }
      await Promise.resolve();
    }
  }
}

export async function startOlm(): Promise<void> {
  await Olm.init();
}

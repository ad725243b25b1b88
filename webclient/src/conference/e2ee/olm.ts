/** The Olm library, as much of it as we use; what runs behind it can be exchanged here. */
import type { Ciphertext, IdentityKeys } from "../../protocol/e2ee/messages";

export interface OlmSession {
  encrypt(plaintext: string): Ciphertext;
  decrypt(type: number, body: string): string;
  free(): void;
}

/** Key agreement behind a comparison code, and MACs under what it agreed on. */
export interface OlmSas {
  readonly publicKey: string;
  readonly hasTheirKey: boolean;
  setTheirKey(key: string): void;
  bytes(info: string, length: number): Uint8Array;
  mac(input: string, info: string): string;
  free(): void;
}

export interface OlmAccount {
  readonly identity: IdentityKeys;
  /** A key for one session that somebody else begins. */
  oneTimeKey(): string;
  /** Begin a session with who has this identity and gave this one-time key. */
  outbound(identity: string, oneTimeKey: string): OlmSession;
  /** Take up a session that `identity` began with its first message. Throws when it did not. */
  inbound(identity: string, first: Ciphertext): { session: OlmSession; plaintext: string };
  sas(): OlmSas;
  sha256(text: string): string;
  free(): void;
}

type Library = typeof import("@matrix-org/olm");

/** A new identity. The library must have been initialised. */
export function newAccount(library: Library): OlmAccount {
  const account = new library.Account();
  account.create();
  const { curve25519, ed25519 } = JSON.parse(account.identity_keys()) as IdentityKeys;
  return {
    identity: { curve25519, ed25519 },
    oneTimeKey() {
      account.generate_one_time_keys(1);
      const { curve25519: keys } = JSON.parse(account.one_time_keys()) as {
        curve25519: Record<string, string>;
      };
      account.mark_keys_as_published();
      return Object.values(keys)[0]!;
    },
    outbound(identity, oneTimeKey) {
      const session = new library.Session();
      session.create_outbound(account, identity, oneTimeKey);
      return session;
    },
    inbound(identity, first) {
      const session = new library.Session();
      try {
        session.create_inbound_from(account, identity, first.body);
        const plaintext = session.decrypt(first.type, first.body);
        account.remove_one_time_keys(session);
        return { session, plaintext };
      } catch (error) {
        session.free();
        throw error;
      }
    },
    sas() {
      const sas = new library.SAS();
      let hasTheirKey = false;
      return {
        get publicKey() {
          return sas.get_pubkey();
        },
        get hasTheirKey() {
          return hasTheirKey;
        },
        setTheirKey(key) {
          sas.set_their_key(key);
          hasTheirKey = true;
        },
        bytes: (info, length) => sas.generate_bytes(info, length),
        mac: (input, info) => sas.calculate_mac(input, info),
        free: () => sas.free(),
      };
    },
    sha256(text) {
      const utility = new library.Utility();
      try {
        return utility.sha256(text);
      } finally {
        utility.free();
      }
    },
    free: () => account.free(),
  };
}

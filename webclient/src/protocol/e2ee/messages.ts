/**
 * What encrypting clients tell each other, as private JSON messages through the room, and what they
 * say about it in their presence (section 6.12 of the signalling notes).
 *
 * Nothing here is trusted because it came through the room: sessions are Olm's, and a comparison
 * code shows whether the room told the truth.
 */
import { type EndpointId, resourceOf } from "../ids";
import { NS } from "../ns";
import { child, elements, text, type Xml, xml } from "../xml";

export const E2EE_FEATURE = "https://jitsi.org/meet/e2ee";

/** An Olm message: 0 begins a session, 1 goes on with it. */
export interface Ciphertext {
  readonly type: 0 | 1;
  readonly body: string;
}

export type OlmMessage =
  | { readonly type: "session-init"; readonly data: SessionInit }
  | {
      readonly type: "session-ack" | "key-info" | "key-info-ack";
      readonly data: { readonly ciphertext: Ciphertext; readonly uuid: string };
    }
  | { readonly type: "sas-start"; readonly data: { readonly transactionId: string } }
  | {
      readonly type: "sas-accept";
      readonly data: { readonly commitment: string; readonly transactionId: string };
    }
  | {
      readonly type: "sas-key";
      readonly data: { readonly key: string; readonly transactionId: string };
    }
  | { readonly type: "sas-mac"; readonly data: SasMac }
  | { readonly type: "error"; readonly data: { readonly error: string } };

export interface SessionInit {
  readonly idKey: string;
  readonly otKey: string;
  readonly uuid: string;
}

export interface SasMac {
  /** MAC of each identity key, by its name. */
  readonly mac: Readonly<Record<string, string>>;
  /** MAC of the list of those names. */
  readonly keys: string;
  readonly transactionId: string;
  /** MAC of the keys the Olm session runs on. Only our page sends it; others ignore it. */
  readonly session?: string;
}

/** Longest of the strings below; they are keys, hashes and short ciphertexts. */
const MAX_STRING = 2_000;
const MAX_MACS = 8;

export function buildOlmMessage(to: string, message: OlmMessage): Xml {
  return xml(
    "message",
    { xmlns: NS.client, to, type: "chat" },
    xml("json-message", { xmlns: NS.jitmeet }, JSON.stringify({ type: "olm", olm: message })),
  );
}

/** What an encrypting client says in a message of its own to us; undefined for other messages. */
export function olmIn(
  message: Xml,
): { readonly from: EndpointId; readonly olm: unknown } | undefined {
  const from = resourceOf(message.attrs.from ?? "");
  const json = child(message, "json-message", NS.jitmeet);
  if (message.attrs.type !== "chat" || from === "" || !json) return undefined;
  try {
    const payload = object(JSON.parse(text(json)));
    return payload.type === "olm" ? { from, olm: payload.olm } : undefined;
  } catch {
    return undefined;
  }
}

type Loose = Readonly<Record<string, unknown>>;

function object(value: unknown): Loose {
  return typeof value === "object" && value !== null ? (value as Loose) : {};
}

function string(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_STRING;
}

/** Read the `olm` part of a private JSON message; undefined when it is none that clients send. */
export function parseOlmMessage(olm: unknown): OlmMessage | undefined {
  const { type } = object(olm);
  const data = object(object(olm).data);
  const { uuid, transactionId } = data;
  switch (type) {
    case "session-init": {
      const { idKey, otKey } = data;
      if (!string(idKey) || !string(otKey) || !string(uuid)) return undefined;
      return { type, data: { idKey, otKey, uuid } };
    }
    case "session-ack":
    case "key-info":
    case "key-info-ack": {
      const { type: kind, body } = object(data.ciphertext);
      if (!string(uuid) || !string(body) || (kind !== 0 && kind !== 1)) return undefined;
      return { type, data: { uuid, ciphertext: { type: kind, body } } };
    }
    case "sas-start":
      return string(transactionId) ? { type, data: { transactionId } } : undefined;
    case "sas-accept": {
      const { commitment } = data;
      if (!string(commitment) || !string(transactionId)) return undefined;
      return { type, data: { commitment, transactionId } };
    }
    case "sas-key": {
      const { key } = data;
      // A stock client that answers repeats the transaction; one that began it may not.
      return string(key)
        ? { type, data: { key, transactionId: string(transactionId) ? transactionId : "" } }
        : undefined;
    }
    case "sas-mac":
      return sasMac(data);
    case "error":
      return { type, data: { error: string(data.error) ? data.error : "" } };
    default:
      return undefined;
  }
}

function sasMac(data: Loose): OlmMessage | undefined {
  const { keys, transactionId, session } = data;
  const mac = Object.entries(object(data.mac));
  if (!string(keys) || !string(transactionId) || mac.length === 0 || mac.length > MAX_MACS) {
    return undefined;
  }
  if (!mac.every(([name, value]) => string(name) && string(value))) return undefined;
  return {
    type: "sas-mac",
    data: {
      keys,
      transactionId,
      mac: Object.fromEntries(mac) as Record<string, string>,
      ...(string(session) ? { session } : {}),
    },
  };
}

/** The long-lived keys of one client in one meeting. */
export interface IdentityKeys {
  readonly curve25519: string;
  readonly ed25519: string;
}

/** What somebody's presence says about end-to-end encryption. */
export interface EncryptionPresence {
  readonly isSupported: boolean;
  readonly isOn: boolean;
  readonly identity: IdentityKeys | null;
}

export const NO_ENCRYPTION: EncryptionPresence = {
  isSupported: false,
  isOn: false,
  identity: null,
};

const PROPERTY = "jitsi_participant_e2ee";

/** The children of our own presence. */
export function buildEncryptionPresence(own: EncryptionPresence): (Xml | null)[] {
  return [
    own.isSupported ? xml("features", {}, xml("feature", { var: E2EE_FEATURE })) : null,
    // Said only once it was ever on: stock clients keep a property that is merely absent.
    own.identity ? xml(`${PROPERTY}.idKey.curve25519`, {}, own.identity.curve25519) : null,
    own.identity ? xml(`${PROPERTY}.idKey.ed25519`, {}, own.identity.ed25519) : null,
    own.identity ? xml(`${PROPERTY}.enabled`, {}, String(own.isOn)) : null,
  ];
}

export function parseEncryptionPresence(presence: Xml): EncryptionPresence {
  const features = elements(child(presence, "features"), "feature").map((each) => each.attrs.var);
  const curve25519 = text(child(presence, `${PROPERTY}.idKey.curve25519`));
  const ed25519 = text(child(presence, `${PROPERTY}.idKey.ed25519`));
  return {
    isSupported: features.includes(E2EE_FEATURE),
    isOn: text(child(presence, `${PROPERTY}.enabled`)) === "true",
    identity:
      curve25519 !== "" && ed25519 !== "" && string(curve25519) && string(ed25519)
        ? { curve25519, ed25519 }
        : null,
  };
}

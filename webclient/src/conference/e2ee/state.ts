/** What the interface may show of end-to-end encryption; plain data, as the rest of the state. */
import type { EndpointId } from "../../protocol/ids";

export type OwnEncryption =
  /** This browser cannot. */
  | "unsupported"
  | "off"
  | "starting"
  | "on"
  /** It could not be started; nothing has been said about it. */
  | "failed";

export type PeerEncryption =
  /** Its client or browser cannot. */
  | "unsupported"
  | "off"
  /** It encrypts, and has not given us its key yet. */
  | "waiting"
  | "encrypted"
  /** We have a key, and it does not fit. */
  | "failing";

export interface Comparison {
  readonly with: EndpointId;
  readonly step: "waiting" | "compare" | "confirmed" | "verified" | "compared" | "failed";
  /** Positions in the table of 64 pictures. */
  readonly pictures: readonly number[];
  readonly numbers: readonly number[];
}

export interface EncryptionState {
  readonly own: OwnEncryption;
  readonly peers: Readonly<Record<EndpointId, PeerEncryption>>;
  /** Whose keys have been compared, and how far that goes. */
  readonly trust: Readonly<Record<EndpointId, "verified" | "compared">>;
  readonly comparison: Comparison | null;
  /** How many keys of our own have been in use, counting this one; ratcheting makes no new one. */
  readonly keys: number;
}

export const initialEncryption: EncryptionState = {
  own: "off",
  peers: {},
  trust: {},
  comparison: null,
  keys: 0,
};

/** Whether what somebody sends is shown: never what could not be read, or not be checked. */
export function isReadable(
  state: EncryptionState,
  { id, encrypts }: { readonly id: EndpointId; readonly encrypts?: boolean },
): boolean {
  if (state.own === "off" || state.own === "unsupported") return !encrypts;
  const peer = state.peers[id];
  return state.own !== "failed" && (peer === "encrypted" || peer === "failing");
}

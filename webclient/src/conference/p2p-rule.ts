/** When two people talk directly, and who of them starts it (as stock clients decide it). */
import type { EndpointId } from "../protocol/ids";

export interface Company {
  readonly ownId: EndpointId;
  readonly isEnabled: boolean;
  /** Encrypted media goes through the bridge, as stock clients have it. */
  readonly isEncrypted?: boolean;
  /** Everybody else in the room, services included, the focus not. */
  readonly others: readonly { readonly id: EndpointId; readonly isBot: boolean }[];
}

export type P2pWish =
  | { readonly kind: "none" }
  /** `starts`: this side sends the offer. */
  | { readonly kind: "with"; readonly peer: EndpointId; readonly starts: boolean };

export function p2pWish(company: Company): P2pWish {
  const [only, ...rest] = company.others;
  if (!company.isEnabled || company.isEncrypted || !only || rest.length > 0 || only.isBot)
    return { kind: "none" };
  return { kind: "with", peer: only.id, starts: company.ownId < only.id };
}

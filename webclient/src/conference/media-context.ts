/** What the legs of the media need to know of the seat that they belong to. */
import type { XmppConnection } from "../protocol/connection";
import type { EndpointId } from "../protocol/ids";
import { NS } from "../protocol/ns";
import type { IceServer } from "../protocol/services";
import { type Xml, xml } from "../protocol/xml";
import type { FrameRule } from "./e2ee/door";
import type { Company } from "./p2p-rule";

export interface MediaContext {
  readonly connection: XmppConnection;
  readonly endpoint: EndpointId;
  readonly ownJid: string;
  readonly room: string;
  readonly iceServers: readonly IceServer[];
  readonly backToP2PDelayMs: number;
  /** Who else is here. */
  company(): Company;
  isFocus(occupantJid: string): boolean;
  /** How the frames of sessions with the bridge are led. */
  readonly frames: () => FrameRule | null;
  readonly isBlocked: (owner: EndpointId) => boolean;
}

/** XEP-0166 §10: the session is none of ours, or none any more. */
export function refuseUnknownSession(connection: XmppConnection, iq: Xml): void {
  const unknown = xml("unknown-session", { xmlns: NS.jingleErrors });
  connection.refuse(iq, "item-not-found", "cancel", unknown);
}

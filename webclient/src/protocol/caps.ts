/** What this client can do (XEP-0115, XEP-0030): the focus shapes its offer by it. */
import { NS } from "./ns";
import { CAPS_NODE } from "./presence";
import { type Xml, xml } from "./xml";

/**
 * Deliberately absent: SSRC rewriting (every remote source keeps its own SSRC),
 * SCTP data channels (the bridge channel is a WebSocket). End-to-end encryption is said in the
 * presence, where stock clients look for it.
 */
export const FEATURES: readonly string[] = [
  "http://jabber.org/protocol/caps",
  "http://jabber.org/protocol/disco#info",
  "http://jitsi.org/json-encoded-sources",
  "http://jitsi.org/opus-red",
  "http://jitsi.org/receive-multiple-video-streams",
  "http://jitsi.org/remb",
  "http://jitsi.org/source-name",
  "http://jitsi.org/tcc",
  "urn:ietf:rfc:4588",
  "urn:xmpp:jingle:1",
  "urn:xmpp:jingle:apps:dtls:0",
  "urn:xmpp:jingle:apps:rtp:1",
  "urn:xmpp:jingle:apps:rtp:audio",
  "urn:xmpp:jingle:apps:rtp:video",
  "urn:xmpp:jingle:transports:ice-udp:1",
];

const IDENTITY = { category: "client", type: "web", name: "Tertulia" } as const;

/** XEP-0115 §5.1: the hash that stands for the list above. */
export async function capsVer(): Promise<string> {
  const { category, type, name } = IDENTITY;
  const verification = `${category}/${type}//${name}<${[...FEATURES].sort().join("<")}<`;
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(verification));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/** The answer to disco#info, for whichever node was asked. */
export function discoAnswer(query: Xml): Xml {
  return xml(
    "query",
    { xmlns: NS.discoInfo, node: query.attrs.node },
    xml("identity", IDENTITY),
    ...[...FEATURES].sort().map((feature) => xml("feature", { var: feature })),
  );
}

export { CAPS_NODE };

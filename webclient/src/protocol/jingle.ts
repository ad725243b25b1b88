/**
 * Jingle sessions (XEP-0166, 0167, 0176, 0293, 0294, 0320, 0338) as plain data: parse and build.
 *
 * The same shapes serve the session with the focus and the one with a peer.
 */
import type { EndpointId, MediaKind } from "./ids";
import { NS } from "./ns";
import { buildSource, type MediaSource, sourcesOf } from "./sources";
import { child, elements, text, type Xml, xml } from "./xml";

export type JingleAction =
  | "session-initiate"
  | "session-accept"
  | "session-terminate"
  | "session-info"
  | "source-add"
  | "source-remove"
  | "transport-info"
  | "transport-replace"
  | "content-modify";

export interface RtcpFeedback {
  readonly type: string;
  readonly subtype?: string;
}

export interface PayloadType {
  readonly id: number;
  readonly name: string;
  readonly clockrate: number;
  readonly channels: number;
  /** In order; an empty name stands for a bare value. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  readonly feedback: readonly RtcpFeedback[];
}

export interface HeaderExtension {
  readonly id: number;
  readonly uri: string;
}

export interface Candidate {
  readonly foundation: string;
  readonly component: number;
  readonly protocol: string;
  readonly priority: number;
  readonly ip: string;
  readonly port: number;
  readonly type: string;
  readonly relatedAddress?: string;
  readonly relatedPort?: number;
  readonly tcpType?: string;
  readonly generation: number;
}

export type DtlsSetup = "active" | "passive" | "actpass";

export interface Fingerprint {
  readonly hash: string;
  readonly setup: DtlsSetup;
  readonly value: string;
}

export interface Transport {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprint?: Fingerprint;
  readonly candidates: readonly Candidate[];
  readonly webSocketUrl?: string;
  /** Which ICE restart in place this transport belongs to; absent in the first one. */
  readonly iceGeneration?: number;
}

export interface Description {
  readonly kind: MediaKind;
  readonly payloadTypes: readonly PayloadType[];
  readonly headerExtensions: readonly HeaderExtension[];
  readonly extmapAllowMixed: boolean;
}

export interface Content {
  readonly name: string;
  readonly kind: MediaKind | "application";
  readonly senders: string;
  readonly description?: Description;
  readonly transport?: Transport;
}

export interface Jingle {
  readonly action: JingleAction | string;
  readonly sid: string;
  readonly initiator?: string;
  readonly contents: readonly Content[];
  readonly sources: readonly MediaSource[];
  readonly reason?: { readonly condition: string; readonly text: string };
  /** Which bridge session this belongs to; echoed in restart requests. */
  readonly bridgeSessionId?: string;
  /** Where its operator says the bridge is. */
  readonly bridgeRegion?: string;
}

function parsePayloadType(element: Xml): PayloadType | undefined {
  const id = Number(element.attrs.id);
  const name = element.attrs.name;
  const clockrate = Number(element.attrs.clockrate);
  if (!Number.isInteger(id) || id < 0 || id > 127 || !name || !Number.isInteger(clockrate)) {
    return undefined;
  }
  return {
    id,
    name,
    clockrate,
    channels: Number(element.attrs.channels ?? "1") || 1,
    parameters: elements(element, "parameter").map((parameter) => ({
      name: parameter.attrs.name ?? "",
      value: parameter.attrs.value ?? "",
    })),
    feedback: elements(element, "rtcp-fb").map((feedback) => ({
      type: feedback.attrs.type ?? "",
      ...(feedback.attrs.subtype ? { subtype: feedback.attrs.subtype } : {}),
    })),
  };
}

function parseDescription(element: Xml, kind: MediaKind): Description {
  return {
    kind,
    payloadTypes: elements(element, "payload-type")
      .map(parsePayloadType)
      .filter((each) => each !== undefined),
    headerExtensions: elements(element, "rtp-hdrext")
      .map((each) => ({ id: Number(each.attrs.id), uri: each.attrs.uri ?? "" }))
      .filter((each) => Number.isInteger(each.id) && each.uri !== ""),
    extmapAllowMixed: child(element, "extmap-allow-mixed") !== undefined,
  };
}

function parseCandidate(element: Xml): Candidate | undefined {
  const { attrs } = element;
  const port = Number(attrs.port);
  if (!attrs.foundation || !attrs.ip || !Number.isInteger(port)) return undefined;
  return {
    foundation: attrs.foundation,
    component: Number(attrs.component ?? "1"),
    protocol: attrs.protocol ?? "udp",
    priority: Number(attrs.priority ?? "0"),
    ip: attrs.ip,
    port,
    type: attrs.type ?? "host",
    generation: Number(attrs.generation ?? "0"),
    ...(attrs["rel-addr"] ? { relatedAddress: attrs["rel-addr"] } : {}),
    ...(attrs["rel-port"] ? { relatedPort: Number(attrs["rel-port"]) } : {}),
    ...(attrs.tcptype ? { tcpType: attrs.tcptype } : {}),
  };
}

function parseTransport(element: Xml): Transport {
  const fingerprint = child(element, "fingerprint");
  const webSocketUrl = child(element, "web-socket")?.attrs.url;
  const iceGeneration = Number(element.attrs["ice-generation"]);
  return {
    ufrag: element.attrs.ufrag ?? "",
    pwd: element.attrs.pwd ?? "",
    candidates: elements(element, "candidate")
      .map(parseCandidate)
      .filter((each) => each !== undefined),
    ...(fingerprint
      ? {
          fingerprint: {
            hash: fingerprint.attrs.hash ?? "sha-256",
            setup: (fingerprint.attrs.setup ?? "actpass") as DtlsSetup,
            value: text(fingerprint).trim(),
          },
        }
      : {}),
    ...(webSocketUrl ? { webSocketUrl } : {}),
    ...(Number.isInteger(iceGeneration) && iceGeneration > 0 ? { iceGeneration } : {}),
  };
}

function parseContent(element: Xml): Content {
  const name = element.attrs.name ?? "";
  const description = child(element, "description");
  const transport = child(element, "transport");
  const kind = (description?.attrs.media ?? name) as Content["kind"];
  return {
    name,
    kind,
    senders: element.attrs.senders ?? "both",
    ...(description && (kind === "audio" || kind === "video")
      ? { description: parseDescription(description, kind) }
      : {}),
    ...(transport ? { transport: parseTransport(transport) } : {}),
  };
}

/** Read `<jingle/>`; `sender` is the endpoint it came from. */
export function parseJingle(element: Xml, sender: EndpointId): Jingle {
  const reason = child(element, "reason");
  const condition = elements(reason).find((each) => each.name !== "text")?.name;
  const { id: bridgeSessionId, region: bridgeRegion } =
    child(element, "bridge-session", NS.focus)?.attrs ?? {};
  const initiator = element.attrs.initiator;
  return {
    action: element.attrs.action ?? "",
    sid: element.attrs.sid ?? "",
    contents: elements(element, "content").map(parseContent),
    sources: sourcesOf(element, sender),
    ...(initiator ? { initiator } : {}),
    ...(condition ? { reason: { condition, text: text(child(reason, "text")) } } : {}),
    ...(bridgeSessionId ? { bridgeSessionId } : {}),
    ...(bridgeRegion ? { bridgeRegion } : {}),
  };
}

export function buildDescription(description: Description, sources: readonly MediaSource[]): Xml {
  return xml(
    "description",
    { xmlns: NS.rtp, media: description.kind },
    ...description.payloadTypes.map((payload) =>
      xml(
        "payload-type",
        {
          id: payload.id,
          name: payload.name,
          clockrate: payload.clockrate,
          channels: payload.channels === 1 ? undefined : payload.channels,
        },
        ...payload.parameters.map(({ name, value }) =>
          xml("parameter", { name: name === "" ? undefined : name, value }),
        ),
        ...payload.feedback.map(({ type, subtype }) =>
          xml("rtcp-fb", { xmlns: NS.rtpFeedback, type, subtype }),
        ),
      ),
    ),
    ...description.headerExtensions.map(({ id, uri }) =>
      xml("rtp-hdrext", { xmlns: NS.rtpHeaderExtensions, id, uri }),
    ),
    description.extmapAllowMixed
      ? xml("extmap-allow-mixed", { xmlns: NS.rtpHeaderExtensions })
      : null,
    ...sources.flatMap(buildSource),
    xml("rtcp-mux"),
  );
}

function buildCandidate(candidate: Candidate, index: number): Xml {
  return xml("candidate", {
    foundation: candidate.foundation,
    component: candidate.component,
    protocol: candidate.protocol,
    priority: candidate.priority,
    ip: candidate.ip,
    port: candidate.port,
    type: candidate.type,
    generation: candidate.generation,
    id: `c${index}`,
    network: 0,
    "rel-addr": candidate.relatedAddress,
    "rel-port": candidate.relatedPort,
    tcptype: candidate.tcpType,
  });
}

export function buildTransport(transport: Transport): Xml {
  const { fingerprint } = transport;
  return xml(
    "transport",
    {
      xmlns: NS.iceUdp,
      ufrag: transport.ufrag,
      pwd: transport.pwd,
      "ice-generation": transport.iceGeneration,
    },
    fingerprint
      ? xml(
          "fingerprint",
          { xmlns: NS.dtls, hash: fingerprint.hash, setup: fingerprint.setup },
          fingerprint.value,
        )
      : null,
    ...transport.candidates.map(buildCandidate),
  );
}

const SENDERS: Readonly<Record<string, string>> = {
  sendrecv: "both",
  sendonly: "initiator",
  recvonly: "responder",
  inactive: "none",
};

/**
 * How a section's direction is written in `senders`. Stock clients take it for the direction of the
 * description that it stands in, whichever side made the offer.
 */
export function sendersOf(direction: string): string {
  return SENDERS[direction] ?? "both";
}

export function buildContent(
  creator: "initiator" | "responder",
  content: Content,
  sources: readonly MediaSource[],
): Xml {
  return xml(
    "content",
    { creator, name: content.name, senders: content.senders },
    content.description ? buildDescription(content.description, sources) : null,
    content.transport ? buildTransport(content.transport) : null,
  );
}

export function buildGroup(names: readonly string[]): Xml {
  return xml(
    "group",
    { xmlns: NS.grouping, semantics: "BUNDLE" },
    ...names.map((name) => xml("content", { name })),
  );
}

export function buildReason(condition: string, words?: string): Xml {
  return xml("reason", {}, xml(condition), words ? xml("text", {}, words) : null);
}

/** `<jingle/>` of a session; children are the caller's. */
export function buildJingle(
  action: JingleAction,
  session: { sid: string; initiator: string; responder?: string },
  ...children: (Xml | null)[]
): Xml {
  return xml(
    "jingle",
    {
      xmlns: NS.jingle,
      action,
      sid: session.sid,
      initiator: session.initiator,
      responder: session.responder,
    },
    ...children,
  );
}

/** The `<content/>`s of source-add and source-remove: one for each kind of media. */
export function buildSourceContents(sources: readonly MediaSource[], creator: string): Xml[] {
  return (["audio", "video"] as const)
    .map((kind) => ({ kind, of: sources.filter((source) => source.kind === kind) }))
    .filter(({ of }) => of.length > 0)
    .map(({ kind, of }) =>
      xml(
        "content",
        { creator, name: kind, senders: "both" },
        xml("description", { xmlns: NS.rtp, media: kind }, ...of.flatMap(buildSource)),
      ),
    );
}

/**
 * Write the other side's description from the model (Unified Plan, RFC 9429).
 *
 * Neither the focus nor a Jingle peer speaks SDP, so both ends invent the other's: the numbering
 * of sections is private to this client, and streams are told apart by SSRC. For that reason the
 * MID header extension is never negotiated: a packet carrying the sender's numbering would be
 * dropped here.
 */
import { type SessionDescription as SdpTree, write as writeSdp } from "sdp-transform";
import type { Candidate, Description, DtlsSetup, HeaderExtension, PayloadType } from "../jingle";
import type { Section, SessionModel } from "./model";

export const MID_EXTENSION = "urn:ietf:params:rtp-hdrext:sdes:mid";
const STREAM_ID_EXTENSIONS = [
  MID_EXTENSION,
  "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
];

export function usableExtensions(extensions: readonly HeaderExtension[]): HeaderExtension[] {
  return extensions.filter((extension) => !STREAM_ID_EXTENSIONS.includes(extension.uri));
}

/**
 * Codecs this client sends, best first; whatever else is on offer follows in its own order. Redundant
 * audio (RFC 2198) repeats the frame before in each packet, so that one that is lost is not missed.
 */
const PREFERENCE = ["red", "opus", "vp8", "h264", "vp9", "av1"];
/**
 * For frames encrypted end to end: a bridge cannot take the repeated frames out of redundant audio
 * for those who do not know it, and pictures must not be taken apart by what they contain.
 */
const PREFERENCE_ENCRYPTED = ["opus", "vp8"];

/** Order payload types by our preference; a retransmission type follows what it repairs. */
export function inPreferenceOrder(
  payloads: readonly PayloadType[],
  isEncrypted = false,
): PayloadType[] {
  const preference = isEncrypted ? PREFERENCE_ENCRYPTED : PREFERENCE;
  const primary = payloads.filter((payload) => payload.name.toLowerCase() !== "rtx");
  const rank = (payload: PayloadType): number => {
    const position = preference.indexOf(payload.name.toLowerCase());
    return position < 0 ? preference.length : position;
  };
  const sorted = [...primary].sort((a, b) => rank(a) - rank(b));
  return sorted.flatMap((payload) => [
    payload,
    ...payloads.filter(
      (each) =>
        each.name.toLowerCase() === "rtx" &&
        each.parameters.some(({ name, value }) => name === "apt" && value === String(payload.id)),
    ),
  ]);
}

/**
 * Where the browser's bandwidth estimate begins. Its own default, 300 kbit/s, makes the first
 * seconds of every call small and blurred, and a sender without simulcast recovers only slowly.
 */
const START_BITRATE_KBPS = 800;

function formatParameters(payload: PayloadType): string {
  const parameters = payload.parameters.map(({ name, value }) =>
    name === "" ? value : `${name}=${value}`,
  );
  const isVideo = payload.clockrate === 90000 && PREFERENCE.includes(payload.name.toLowerCase());
  if (isVideo) parameters.push(`x-google-start-bitrate=${START_BITRATE_KBPS}`);
  return parameters.join(";");
}

type SdpMedia = SdpTree["media"][number];

function sdpCandidate(candidate: Candidate): NonNullable<SdpMedia["candidates"]>[number] {
  return {
    foundation: candidate.foundation,
    component: candidate.component,
    transport: candidate.protocol === "ssltcp" ? "tcp" : candidate.protocol,
    priority: candidate.priority,
    ip: candidate.ip,
    port: candidate.port,
    type: candidate.type,
    generation: candidate.generation,
    ...(candidate.relatedAddress ? { raddr: candidate.relatedAddress } : {}),
    ...(candidate.relatedPort !== undefined ? { rport: candidate.relatedPort } : {}),
    ...(candidate.tcpType ? { tcptype: candidate.tcpType } : {}),
  };
}

/** The candidate as a browser takes it in addIceCandidate. */
export function candidateLine(candidate: Candidate): string {
  const parts = [
    `candidate:${candidate.foundation}`,
    candidate.component,
    candidate.protocol,
    candidate.priority,
    candidate.ip,
    candidate.port,
    "typ",
    candidate.type,
    ...(candidate.relatedAddress
      ? ["raddr", candidate.relatedAddress, "rport", candidate.relatedPort ?? 9]
      : []),
    ...(candidate.tcpType ? ["tcptype", candidate.tcpType] : []),
    "generation",
    candidate.generation,
  ];
  return parts.join(" ");
}

function direction(section: Section): "sendrecv" | "sendonly" | "recvonly" | "inactive" {
  if (section.remote && section.local !== null) return "sendrecv";
  if (section.remote) return "sendonly";
  return section.local !== null ? "recvonly" : "inactive";
}

function media(
  section: Section,
  description: Description,
  model: SessionModel,
  setup: DtlsSetup,
  isEncrypted: boolean,
): SdpMedia {
  const payloads = inPreferenceOrder(description.payloadTypes, isEncrypted);
  const { transport } = model;
  const cname = section.remote?.owner ?? "remote";
  return {
    type: section.kind,
    port: 9,
    protocol: "UDP/TLS/RTP/SAVPF",
    payloads: payloads.map((payload) => payload.id).join(" "),
    connection: { version: 4, ip: "0.0.0.0" },
    mid: section.mid,
    direction: direction(section),
    rtcpMux: "rtcp-mux",
    rtcpRsize: "rtcp-rsize",
    setup,
    iceUfrag: transport.ufrag,
    icePwd: transport.pwd,
    ...(transport.fingerprint
      ? { fingerprint: { type: transport.fingerprint.hash, hash: transport.fingerprint.value } }
      : {}),
    candidates: transport.candidates.map(sdpCandidate),
    rtp: payloads.map((payload) => ({
      payload: payload.id,
      codec: payload.name,
      rate: payload.clockrate,
      ...(payload.channels > 1 ? { encoding: payload.channels } : {}),
    })),
    fmtp: payloads
      .map((payload) => ({ payload: payload.id, config: formatParameters(payload) }))
      .filter(({ config }) => config !== ""),
    rtcpFb: payloads.flatMap((payload) =>
      payload.feedback.map((feedback) => ({
        payload: payload.id,
        type: feedback.type,
        ...(feedback.subtype ? { subtype: feedback.subtype } : {}),
      })),
    ),
    ext: usableExtensions(description.headerExtensions).map((extension) => ({
      value: extension.id,
      uri: extension.uri,
    })),
    ssrcs: (section.remote?.ssrcs ?? []).flatMap((ssrc) => [
      { id: ssrc, attribute: "cname", value: cname },
      { id: ssrc, attribute: "msid", value: section.remote!.msid },
    ]),
    ssrcGroups: (section.remote?.groups ?? []).map((group) => ({
      semantics: group.semantics,
      ssrcs: group.ssrcs.join(" "),
    })),
  };
}

/**
 * The remote description.
 *
 * `version` must grow with each one of a session. As an offer it says `actpass`; whoever has
 * become DTLS client or server by then keeps the role (RFC 8842 §5.3). `isEncrypted`: what we send is
 * encrypted end to end, which chooses the codecs.
 */
export function writeRemote(
  model: SessionModel,
  type: "offer" | "answer",
  version: number,
  isEncrypted = false,
): string {
  const setup: DtlsSetup =
    type === "offer"
      ? "actpass"
      : model.transport.fingerprint?.setup === "passive"
        ? "passive"
        : "active";
  const tree: SdpTree = {
    version: 0,
    origin: {
      username: "-",
      sessionId: "4913000000000",
      sessionVersion: version,
      netType: "IN",
      ipVer: 4,
      address: "127.0.0.1",
    },
    name: "-",
    timing: { start: 0, stop: 0 },
    groups: [{ type: "BUNDLE", mids: model.sections.map((section) => section.mid).join(" ") }],
    msidSemantic: { semantic: "WMS", token: "*" },
    extmapAllowMixed: "extmap-allow-mixed",
    media: model.sections.map((section) =>
      media(
        section,
        section.kind === "audio" ? model.audio : model.video,
        model,
        setup,
        isEncrypted,
      ),
    ),
  };
  if (!model.audio.extmapAllowMixed && !model.video.extmapAllowMixed) delete tree.extmapAllowMixed;
  return writeSdp(tree);
}

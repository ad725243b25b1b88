/** Read the browser's own description into Jingle's terms. */
import { parse as parseSdp, type SessionDescription as SdpTree } from "sdp-transform";
import type { MediaKind } from "../ids";
import type { Candidate, Description, DtlsSetup, PayloadType, Transport } from "../jingle";
import type { SsrcGroup } from "../sources";
import { usableExtensions } from "./write";

export interface LocalSection {
  readonly mid: string;
  readonly kind: MediaKind;
  readonly direction: string;
  readonly description: Description;
  readonly ssrcs: readonly number[];
  readonly groups: readonly SsrcGroup[];
}

export interface LocalDescription {
  readonly transport: Transport;
  readonly sections: readonly LocalSection[];
}

type SdpMedia = SdpTree["media"][number];

function payloadTypes(media: SdpMedia): PayloadType[] {
  return media.rtp.map((rtp) => ({
    id: rtp.payload,
    name: rtp.codec,
    clockrate: rtp.rate ?? 8000,
    channels: Number(rtp.encoding ?? 1) || 1,
    parameters: media.fmtp
      .filter((fmtp) => fmtp.payload === rtp.payload)
      .flatMap((fmtp) => fmtp.config.split(";"))
      .map((pair) => pair.trim())
      .filter((pair) => pair !== "")
      .map((pair) => {
        const equals = pair.indexOf("=");
        return equals < 0
          ? { name: "", value: pair }
          : { name: pair.slice(0, equals), value: pair.slice(equals + 1) };
      }),
    feedback: (media.rtcpFb ?? [])
      .filter((feedback) => feedback.payload === rtp.payload)
      .map((feedback) => ({
        type: feedback.type,
        ...(feedback.subtype ? { subtype: feedback.subtype } : {}),
      })),
  }));
}

export function parseCandidateLine(line: string): Candidate | undefined {
  const parsed = parseSdp(`v=0\r\nm=audio 9 RTP 0\r\na=${line.replace(/^a=/, "")}\r\n`);
  const candidate = parsed.media[0]?.candidates?.[0];
  if (!candidate) return undefined;
  return {
    foundation: String(candidate.foundation),
    component: candidate.component,
    protocol: candidate.transport.toLowerCase(),
    priority: Number(candidate.priority),
    ip: candidate.ip,
    port: candidate.port,
    type: candidate.type,
    generation: candidate.generation ?? 0,
    ...(candidate.raddr ? { relatedAddress: candidate.raddr } : {}),
    ...(candidate.rport !== undefined ? { relatedPort: candidate.rport } : {}),
    ...(candidate.tcptype ? { tcpType: candidate.tcptype } : {}),
  };
}

export function readLocal(sdp: string): LocalDescription {
  const tree = parseSdp(sdp);
  const media = tree.media.filter((each) => each.type === "audio" || each.type === "video");
  const first = media[0];
  const fingerprint = first?.fingerprint ?? tree.fingerprint;
  return {
    transport: {
      ufrag: String(first?.iceUfrag ?? tree.iceUfrag ?? ""),
      pwd: String(first?.icePwd ?? tree.icePwd ?? ""),
      candidates: [],
      ...(fingerprint
        ? {
            fingerprint: {
              hash: fingerprint.type,
              value: fingerprint.hash,
              setup: (first?.setup ?? tree.setup ?? "actpass") as DtlsSetup,
            },
          }
        : {}),
    },
    sections: media.map((each) => ({
      mid: String(each.mid),
      kind: each.type as MediaKind,
      direction: each.direction ?? "sendrecv",
      description: {
        kind: each.type as MediaKind,
        payloadTypes: payloadTypes(each),
        headerExtensions: usableExtensions(
          (each.ext ?? []).map((ext) => ({ id: ext.value, uri: ext.uri })),
        ),
        extmapAllowMixed:
          tree.extmapAllowMixed !== undefined || each.extmapAllowMixed !== undefined,
      },
      ssrcs: [...new Set((each.ssrcs ?? []).map((ssrc) => Number(ssrc.id)))],
      groups: (each.ssrcGroups ?? [])
        .filter((group) => group.semantics === "FID" || group.semantics === "SIM")
        .map((group) => ({
          semantics: group.semantics as "FID" | "SIM",
          ssrcs: group.ssrcs.split(" ").map(Number),
        })),
    })),
  };
}

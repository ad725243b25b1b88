/** What is said to the focus outside Jingle: the conference request and moderation. */
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

/** What shows who asks; all of it may be missing. */
export interface Claim {
  /** Of a login in this browser. */
  readonly sessionId?: string;
  readonly token?: string;
}

export function buildConferenceRequest(room: string, machineUid: string, claim: Claim = {}): Xml {
  return xml(
    "conference",
    {
      xmlns: NS.focus,
      room,
      "machine-uid": machineUid,
      token: claim.token || undefined,
      "session-id": claim.sessionId || undefined,
    },
    xml("property", { name: "rtcstatsEnabled", value: "false" }),
  );
}

export interface ConferenceReply {
  /** False: ask again a little later. */
  readonly ready: boolean;
  /** Bare address; only an occupant with this real address is the focus. */
  readonly focusJid: string;
  /** To be shown next time; empty when there is none. */
  readonly sessionId: string;
}

export function parseConferenceReply(iq: Xml): ConferenceReply | undefined {
  const conference = child(iq, "conference", NS.focus);
  if (!conference) return undefined;
  return {
    ready: conference.attrs.ready === "true",
    focusJid: (conference.attrs.focusjid ?? "").toLowerCase(),
    sessionId: conference.attrs["session-id"] ?? "",
  };
}

export type MuteKind = "audio" | "video" | "desktop";

const MUTE_NS: Readonly<Record<MuteKind, string>> = {
  audio: NS.muteAudio,
  video: NS.muteVideo,
  desktop: NS.muteDesktop,
};

/** Ask the focus to mute somebody (true), or to lift the own mute (false). */
export function buildMute(kind: MuteKind, occupantJid: string, muted: boolean): Xml {
  return xml("mute", { xmlns: MUTE_NS[kind], jid: occupantJid }, String(muted));
}

/** The focus mutes this client; undefined when the IQ says something else. */
export function parseMute(iq: Xml): { kind: MuteKind; actor: string } | undefined {
  const mute = elements(iq, "mute")[0];
  if (!mute || text(mute).trim() !== "true") return undefined;
  const kind = (Object.keys(MUTE_NS) as MuteKind[]).find(
    (each) => MUTE_NS[each] === mute.attrs.xmlns,
  );
  return kind ? { kind, actor: mute.attrs.actor ?? "" } : undefined;
}

/** Presence in the room (XEP-0045, Jitsi profile): what this client tells, and what it reads. */

import {
  buildEncryptionPresence,
  type EncryptionPresence,
  NO_ENCRYPTION,
  parseEncryptionPresence,
} from "./e2ee/messages";
import { buildFollowMe, buildFollowMeOff, parseFollowMe, type Spotlight } from "./follow-me";
import { type EndpointId, resourceOf, type SourceName, type VideoType } from "./ids";
import { lobbyOf } from "./lobby";
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

/** Mute state and type of each source, as `SourceInfo` says it. A source not listed is muted. */
export type SourceInfo = Readonly<
  Record<SourceName, { readonly muted: boolean; readonly videoType: VideoType }>
>;

export interface OwnPresence {
  readonly displayName: string;
  readonly sources: SourceInfo;
  /** When the hand went up, in ms since the epoch, or null. */
  readonly raisedHandAt: number | null;
  readonly codecs: readonly string[];
  readonly capsVer: string;
  /** "off": it was shown until now. */
  readonly spotlight: Spotlight | "off" | null;
  readonly encryption?: EncryptionPresence;
}

/** What opens the door; the password is empty when the room has none. */
export interface JoinRequest {
  readonly password: string;
}

/** The complete presence; each update repeats all of it, only the MUC `x` is for joining. */
export function buildPresence(to: string, own: OwnPresence, join: JoinRequest | null): Xml {
  return xml(
    "presence",
    { xmlns: NS.client, to },
    join && xml("x", { xmlns: NS.muc }, join.password ? xml("password", {}, join.password) : null),
    xml("SourceInfo", {}, JSON.stringify(sourceInfoJson(own.sources))),
    xml("jitsi_participant_codecList", {}, own.codecs.join(",")),
    // Empty when it is down: stock clients keep a property that is merely absent.
    xml("jitsi_participant_raisedHand", {}, String(own.raisedHandAt ?? "")),
    ...buildEncryptionPresence(own.encryption ?? NO_ENCRYPTION),
    xml("c", {
      xmlns: NS.caps,
      hash: "sha-1",
      node: CAPS_NODE,
      ver: own.capsVer,
    }),
    own.spotlight === null
      ? null
      : own.spotlight === "off"
        ? buildFollowMeOff()
        : buildFollowMe(own.spotlight),
    own.displayName === "" ? null : xml("nick", { xmlns: NS.nick }, own.displayName),
  );
}

export const CAPS_NODE = "https://tertulia.example/webclient";

function sourceInfoJson(sources: SourceInfo): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(sources).map(([name, { muted, videoType }]) => [
      name,
      videoType === "desktop" ? { muted, videoType } : { muted },
    ]),
  );
}

/** Leave the room; `status` tells the others why, where that matters. */
export function buildLeave(to: string, status = ""): Xml {
  return xml(
    "presence",
    { xmlns: NS.client, to, type: "unavailable" },
    status === "" ? null : xml("status", {}, status),
  );
}

export interface OccupantPresence {
  readonly kind: "available";
  readonly nick: EndpointId;
  readonly realJid: string;
  readonly affiliation: string;
  readonly role: string;
  readonly isSelf: boolean;
  readonly displayName: string;
  readonly sources: SourceInfo;
  readonly raisedHandAt: number | null;
  /** In order of preference; empty when the client does not say. */
  readonly codecs: readonly string[];
  readonly spotlight: Spotlight | null;
  readonly encryption: EncryptionPresence;
  /** Services that take part (recorders, gateways) instead of a person. */
  readonly isBot: boolean;
  readonly conferenceProperties: Readonly<Record<string, string>>;
  readonly bridgeNotAvailable: boolean;
}

export interface OccupantGone {
  readonly kind: "gone";
  readonly nick: EndpointId;
  readonly isSelf: boolean;
  readonly kicked: boolean;
  /** Removed for good: the room does not let this person in again. */
  readonly banned: boolean;
  readonly actor: string;
  readonly reason: string;
  /** What the leaving person says about it; stock clients use a few fixed words. */
  readonly status: string;
  /** The whole room has ended. */
  readonly destroyed: boolean;
  /** Where to go instead, when the room has ended for that; empty when nowhere. */
  readonly continuesIn: string;
}

export interface JoinRefused {
  readonly kind: "refused";
  readonly condition: string;
  readonly text: string;
  /** The way in leads through this room; empty when there is no lobby. */
  readonly lobby: string;
  /** The lobby opens by itself when the host comes. */
  readonly waitsForHost: boolean;
  readonly needsName: boolean;
}

export type RoomPresence = OccupantPresence | OccupantGone | JoinRefused;

function parseSourceInfo(presence: Xml, nick: EndpointId): SourceInfo | undefined {
  const element = child(presence, "SourceInfo");
  if (!element) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text(element));
  } catch {
    return {};
  }
  if (typeof parsed !== "object" || parsed === null) return {};
  return Object.fromEntries(
    Object.entries(parsed as Record<string, { muted?: unknown; videoType?: unknown } | null>)
      .filter(([name]) => name.startsWith(`${nick}-`))
      .map(([name, info]) => [
        name,
        {
          muted: info?.muted === true,
          videoType: info?.videoType === "desktop" ? ("desktop" as const) : ("camera" as const),
        },
      ]),
  );
}

/** Gateways without `SourceInfo` say their state the old way. */
function legacySources(presence: Xml, nick: EndpointId): SourceInfo {
  const audio = child(presence, "audiomuted");
  const video = child(presence, "videomuted");
  const desktop = text(child(presence, "videoType")) === "desktop";
  return {
    ...(audio
      ? { [`${nick}-a0`]: { muted: text(audio) === "true", videoType: "camera" as const } }
      : {}),
    ...(video
      ? {
          [`${nick}-v0`]: {
            muted: text(video) === "true",
            videoType: desktop ? ("desktop" as const) : ("camera" as const),
          },
        }
      : {}),
  };
}

function raisedHand(presence: Xml): number | null {
  const value = text(child(presence, "jitsi_participant_raisedHand")).trim();
  if (value === "" || value === "false" || value === "0") return null;
  const at = Number(value);
  return Number.isFinite(at) ? at : 1;
}

/** Read a presence from the room; undefined when it is nothing this client knows. */
export function parsePresence(presence: Xml): RoomPresence | undefined {
  const nick = resourceOf(presence.attrs.from ?? "");
  const { type } = presence.attrs;
  if (type === "error") {
    const error = child(presence, "error");
    const lobby = lobbyOf(error);
    return {
      kind: "refused",
      condition:
        elements(error).find((each) => each.attrs.xmlns === NS.stanzas && each.name !== "text")
          ?.name ??
        elements(error).find((each) => each.name !== "text")?.name ??
        "undefined-condition",
      text: text(child(error, "text")),
      lobby: lobby.room,
      waitsForHost: lobby.waitsForHost,
      needsName: child(error, "displayname-required") !== undefined,
    };
  }
  if (nick === "") return undefined;
  const user = child(presence, "x", NS.mucUser);
  const item = child(user, "item");
  const codes = elements(user, "status").map((status) => status.attrs.code);
  if (type === "unavailable") {
    if (child(presence, "ignore")) return undefined;
    return {
      kind: "gone",
      nick,
      isSelf: codes.includes("110"),
      kicked: codes.includes("307") || codes.includes("301"),
      banned: codes.includes("301"),
      actor: child(item, "actor")?.attrs.nick ?? "",
      reason: text(child(item, "reason")) || text(child(child(user, "destroy"), "reason")),
      status: text(child(presence, "status")),
      destroyed: child(user, "destroy") !== undefined,
      continuesIn: (child(user, "destroy")?.attrs.jid ?? "").toLowerCase(),
    };
  }
  if (type !== undefined) return undefined;
  return {
    kind: "available",
    nick,
    realJid: item?.attrs.jid ?? "",
    affiliation: item?.attrs.affiliation ?? "none",
    role: item?.attrs.role ?? "participant",
    isSelf: codes.includes("110"),
    displayName: text(child(presence, "nick", NS.nick))
      .trim()
      .slice(0, 120),
    sources: parseSourceInfo(presence, nick) ?? legacySources(presence, nick),
    raisedHandAt: raisedHand(presence),
    codecs: text(child(presence, "jitsi_participant_codecList"))
      .split(",")
      .map((codec) => codec.trim().toLowerCase())
      .filter((codec) => codec !== ""),
    spotlight: parseFollowMe(presence),
    encryption: parseEncryptionPresence(presence),
    isBot: child(presence, "bot") !== undefined,
    conferenceProperties: Object.fromEntries(
      elements(child(presence, "conference-properties", NS.focus), "property").map((property) => [
        property.attrs.key ?? "",
        property.attrs.value ?? "",
      ]),
    ),
    bridgeNotAvailable: child(presence, "bridgeNotAvailable") !== undefined,
  };
}

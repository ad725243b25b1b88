/**
 * Media sources and their two spellings: XML (XEP-0339) and the compact JSON of Jitsi.
 *
 * A source is one microphone, camera or screen: one name, one msid, one or more SSRCs.
 */
import {
  type EndpointId,
  type MediaKind,
  parseSourceName,
  sourceName,
  type VideoType,
} from "./ids";
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

export interface SsrcGroup {
  /** FID: a stream and its retransmissions. SIM: simulcast layers, lowest first. */
  readonly semantics: "FID" | "SIM";
  readonly ssrcs: readonly number[];
}

export interface MediaSource {
  readonly name: string;
  readonly owner: EndpointId;
  readonly kind: MediaKind;
  readonly videoType: VideoType;
  /** "stream track". */
  readonly msid: string;
  readonly ssrcs: readonly number[];
  readonly groups: readonly SsrcGroup[];
}

const MAX_SSRC = 4294967295;

function asSsrc(value: unknown): number | undefined {
  const ssrc = typeof value === "string" ? Number(value) : value;
  if (typeof ssrc !== "number" || !Number.isInteger(ssrc) || ssrc < 0 || ssrc > MAX_SSRC) {
    return undefined;
  }
  return ssrc;
}

/** No other characters may reach an SDP line; stock clients strip them as well. */
export function cleanMsid(msid: string): string {
  return msid.replace(/[\\/{,}+\r\n]/g, "").trim();
}

interface SsrcLine {
  ssrc: number;
  name: string;
  owner: EndpointId;
  msid: string;
  videoType: VideoType;
}

function gather(
  kind: MediaKind,
  lines: readonly SsrcLine[],
  groups: readonly SsrcGroup[],
): MediaSource[] {
  const byName = new Map<string, SsrcLine[]>();
  for (const line of lines) {
    const same = byName.get(line.name);
    if (same) same.push(line);
    else byName.set(line.name, [line]);
  }
  const repairs = new Set(
    groups.filter(({ semantics }) => semantics === "FID").map(({ ssrcs }) => ssrcs[1]!),
  );
  return Array.from(byName, ([name, same]) => {
    // Browsers take a track's first SSRC for its media, stock clients list SSRCs by number.
    const ssrcs = [...new Set(same.map((line) => line.ssrc))].sort(
      (one, other) => Number(repairs.has(one)) - Number(repairs.has(other)),
    );
    const first = same[0]!;
    return {
      name,
      owner: first.owner,
      kind,
      videoType: first.videoType,
      msid: same.find((line) => line.msid !== "")?.msid ?? `${name} ${name}`,
      ssrcs,
      groups: groups.filter((group) => group.ssrcs.every((ssrc) => ssrcs.includes(ssrc))),
    };
  });
}

/**
 * Read the sources of one `<description/>`.
 *
 * `sender` owns what names no owner: in a peer-to-peer session that is always the peer.
 */
export function parseSources(description: Xml, kind: MediaKind, sender: EndpointId): MediaSource[] {
  const lines: SsrcLine[] = [];
  for (const element of elements(description, "source")) {
    const ssrc = asSsrc(element.attrs.ssrc);
    if (ssrc === undefined) continue;
    const ownerAttr = child(element, "ssrc-info")?.attrs.owner ?? sender;
    const owner = ownerAttr.includes("/") ? ownerAttr.slice(ownerAttr.indexOf("/") + 1) : ownerAttr;
    const msid = elements(element, "parameter").find((each) => each.attrs.name === "msid");
    lines.push({
      ssrc,
      owner,
      name: element.attrs.name ?? sourceName(owner, kind, 0),
      msid: cleanMsid(msid?.attrs.value ?? ""),
      videoType: element.attrs.videoType === "desktop" ? "desktop" : "camera",
    });
  }
  const groups: SsrcGroup[] = [];
  for (const element of elements(description, "ssrc-group")) {
    const semantics = element.attrs.semantics;
    const ssrcs = elements(element, "source").map((each) => asSsrc(each.attrs.ssrc));
    if ((semantics === "FID" || semantics === "SIM") && ssrcs.every((each) => each !== undefined)) {
      groups.push({ semantics, ssrcs: ssrcs as number[] });
    }
  }
  return gather(kind, lines, groups);
}

/** Write a source as children of a `<description/>`. */
export function buildSource(source: MediaSource): Xml[] {
  return [
    ...source.ssrcs.map((ssrc) =>
      xml(
        "source",
        {
          xmlns: NS.ssma,
          ssrc,
          name: source.name,
          videoType: source.kind === "video" ? source.videoType : undefined,
        },
        xml("parameter", { name: "msid", value: source.msid }),
      ),
    ),
    ...source.groups.map((group) =>
      xml(
        "ssrc-group",
        { xmlns: NS.ssma, semantics: group.semantics },
        ...group.ssrcs.map((ssrc) => xml("source", { ssrc })),
      ),
    ),
  ];
}

type CompactSource = { s?: unknown; n?: unknown; m?: unknown; v?: unknown };

function parseCompactLines(owner: EndpointId, kind: MediaKind, list: unknown): SsrcLine[] {
  if (!Array.isArray(list)) return [];
  const lines: SsrcLine[] = [];
  for (const each of list as CompactSource[]) {
    const ssrc = asSsrc(each?.s);
    if (ssrc === undefined) continue;
    lines.push({
      ssrc,
      owner,
      name: typeof each.n === "string" ? each.n : sourceName(owner, kind, 0),
      msid: cleanMsid(typeof each.m === "string" ? each.m : ""),
      videoType: each.v === "d" ? "desktop" : "camera",
    });
  }
  return lines;
}

function parseCompactGroups(list: unknown): SsrcGroup[] {
  if (!Array.isArray(list)) return [];
  const groups: SsrcGroup[] = [];
  for (const each of list as unknown[]) {
    if (!Array.isArray(each)) continue;
    const ssrcs = each.slice(1).map(asSsrc);
    if (ssrcs.some((ssrc) => ssrc === undefined)) continue;
    if (each[0] === "f") groups.push({ semantics: "FID", ssrcs: ssrcs as number[] });
    if (each[0] === "s") groups.push({ semantics: "SIM", ssrcs: ssrcs as number[] });
  }
  return groups;
}

/** Expand the compact form: owner -> [video sources, video groups, audio sources, audio groups]. */
export function parseCompactSources(json: string): MediaSource[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return [];
  }
  const owners = (parsed as { sources?: unknown } | null)?.sources;
  if (typeof owners !== "object" || owners === null) return [];
  return Object.entries(owners as Record<string, unknown>).flatMap(([owner, lists]) => {
    if (!Array.isArray(lists)) return [];
    const [video, videoGroups, audio, audioGroups] = lists as unknown[];
    return [
      ...gather("video", parseCompactLines(owner, "video", video), parseCompactGroups(videoGroups)),
      ...gather("audio", parseCompactLines(owner, "audio", audio), parseCompactGroups(audioGroups)),
    ];
  });
}

/** All sources a Jingle element carries, in either spelling. */
export function sourcesOf(jingle: Xml, sender: EndpointId): MediaSource[] {
  const compact = elements(jingle, "json-message")
    .filter((element) => element.attrs.xmlns === NS.jitmeet)
    .flatMap((element) => parseCompactSources(text(element)));
  const spelled = elements(jingle, "content").flatMap((content) => {
    const description = child(content, "description");
    const kind = description?.attrs.media ?? content.attrs.name;
    if (!description || (kind !== "audio" && kind !== "video")) return [];
    return parseSources(description, kind, sender);
  });
  // Names that are none are dropped (the first occurrence of a name wins).
  const seen = new Map<string, MediaSource>();
  for (const source of [...spelled, ...compact]) {
    if (!parseSourceName(source.name) || seen.has(source.name)) continue;
    seen.set(source.name, source);
  }
  return [...seen.values()];
}

/**
 * What a peer connection negotiates, as plain data: one section (m-line) for each pair of
 * "what I may send" and "what the other side sends". Sections keep their place for ever
 * (RFC 9429 §5.2.2); an empty one is used again for the next source of its kind.
 */
import type { MediaKind } from "../ids";
import type { Description, Transport } from "../jingle";
import type { MediaSource } from "../sources";

export interface Section {
  readonly mid: string;
  readonly kind: MediaKind;
  /** Index of the local source this section sends (0 = microphone or camera), or null. */
  readonly local: number | null;
  readonly remote: MediaSource | null;
}

export interface SessionModel {
  readonly audio: Description;
  readonly video: Description;
  /** The other side's ICE and DTLS parameters. */
  readonly transport: Transport;
  readonly sections: readonly Section[];
}

/** Whether nothing was edited. */
export function isSame(some: readonly Section[], others: readonly Section[]): boolean {
  return some.length === others.length && some.every((each, index) => each === others[index]);
}

/** Which way media of a section flows, seen from us. */
export function ownDirection({ local, remote }: Section): RTCRtpTransceiverDirection {
  if (local !== null) return remote ? "sendrecv" : "sendonly";
  return remote ? "recvonly" : "inactive";
}

/** Streams that belong to the bridge itself, never to a person. */
export function isFeedbackSource(source: MediaSource): boolean {
  return source.owner === "jvb" || source.msid.startsWith("mixedmslabel");
}

/** Sections of a fresh bridge session: my microphone and camera first, then each remote source. */
export function sectionsFor(sources: readonly MediaSource[]): Section[] {
  const feedback = sources.filter(isFeedbackSource);
  const base: Section[] = (["audio", "video"] as const).map((kind, index) => ({
    mid: String(index),
    kind,
    local: 0,
    remote: feedback.find((source) => source.kind === kind) ?? null,
  }));
  return addSources(
    base,
    sources.filter((source) => !isFeedbackSource(source)),
  );
}

function place(sections: readonly Section[], wanted: Omit<Section, "mid">): Section[] {
  const free = sections.findIndex(
    (section) => section.kind === wanted.kind && section.local === null && section.remote === null,
  );
  if (free < 0) return [...sections, { ...wanted, mid: nextMid(sections) }];
  return sections.map((section, index) =>
    index === free ? { ...wanted, mid: section.mid } : section,
  );
}

function nextMid(sections: readonly Section[]): string {
  return String(1 + Math.max(-1, ...sections.map((section) => Number(section.mid) || 0)));
}

/** Give each source a section; a source that is there already has its SSRCs replaced. */
export function addSources(
  sections: readonly Section[],
  sources: readonly MediaSource[],
): Section[] {
  return sources.reduce<Section[]>(
    (current, source) => {
      const known = current.findIndex((section) => section.remote?.name === source.name);
      if (known >= 0) {
        return current.map((section, index) =>
          index === known ? { ...section, remote: source } : section,
        );
      }
      return place(current, { kind: source.kind, local: null, remote: source });
    },
    [...sections],
  );
}

export function removeSources(sections: readonly Section[], names: readonly string[]): Section[] {
  return sections.map((section) =>
    section.remote && names.includes(section.remote.name) ? { ...section, remote: null } : section,
  );
}

/** Make room for one more local source (screen, its sound); index counts within the kind. */
export function addLocal(sections: readonly Section[], kind: MediaKind, index: number): Section[] {
  if (sections.some((section) => section.kind === kind && section.local === index)) {
    return [...sections];
  }
  return place(sections, { kind, local: index, remote: null });
}

export function removeLocal(
  sections: readonly Section[],
  kind: MediaKind,
  index: number,
): Section[] {
  return sections.map((section) =>
    section.kind === kind && section.local === index ? { ...section, local: null } : section,
  );
}

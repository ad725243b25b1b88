/** What the browser says it will send, as it is signalled: sources and contents. */
import { type EndpointId, type MediaKind, sourceName } from "../protocol/ids";
import { type Content, sendersOf } from "../protocol/jingle";
import type { Section } from "../protocol/sdp/model";
import type { LocalDescription } from "../protocol/sdp/read";
import type { MediaSource } from "../protocol/sources";

/** My sources with the SSRCs the browser chose; `label` tells two sessions of one endpoint apart. */
export function ownSources(
  endpoint: EndpointId,
  label: string,
  sections: readonly Section[],
  local: LocalDescription | undefined,
): MediaSource[] {
  return sections.flatMap((section): MediaSource[] => {
    if (section.local === null) return [];
    const described = local?.sections.find((each) => each.mid === section.mid);
    if (!described || described.ssrcs.length === 0) return [];
    const name = sourceName(endpoint, section.kind, section.local);
    return [
      {
        name,
        owner: endpoint,
        kind: section.kind,
        videoType: section.kind === "video" && section.local > 0 ? "desktop" : "camera",
        msid: `${endpoint}-${section.kind}-${section.local}-${label} ${name}-${label}`,
        ssrcs: described.ssrcs,
        groups: described.groups,
      },
    ];
  });
}

/** Contents of a session-initiate (named by mid) or session-accept. */
export function ownContents(
  local: LocalDescription | undefined,
  names: (section: { mid: string; kind: MediaKind }) => string,
): Content[] {
  const seen = new Set<string>();
  return (local?.sections ?? []).flatMap((section): Content[] => {
    const name = names(section);
    if (seen.has(name)) return [];
    seen.add(name);
    return [
      {
        name,
        kind: section.kind,
        senders: sendersOf(section.direction),
        description: section.description,
        transport: local!.transport,
      },
    ];
  });
}

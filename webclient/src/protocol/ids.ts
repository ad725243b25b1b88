/**
 * Names: an endpoint is an occupant's nickname in the room; a source is `<endpoint>-<a|v><n>`.
 */
export type EndpointId = string;
export type SourceName = string;
export type MediaKind = "audio" | "video";
export type VideoType = "camera" | "desktop";

/** The focus takes part in every room under this nickname; nobody else may. */
export const FOCUS_NICK = "focus";

const SOURCE_NAME = /^(.+)-([av])(\d+)(?:\.[^.]+)?$/;

export function sourceName(endpoint: EndpointId, kind: MediaKind, index: number): SourceName {
  return `${endpoint}-${kind === "audio" ? "a" : "v"}${index}`;
}

/** Take a source name apart, or undefined when it is none. */
export function parseSourceName(
  name: string,
): { endpoint: EndpointId; kind: MediaKind; index: number } | undefined {
  const match = SOURCE_NAME.exec(name);
  if (!match) return undefined;
  return {
    endpoint: match[1]!,
    kind: match[2] === "a" ? "audio" : "video",
    index: Number(match[3]),
  };
}

/** The server gives anonymous users a UUID as user name; its first 8 digits become the nickname. */
export function endpointIdFor(jid: string, random: () => string = randomHex8): EndpointId {
  const node = jid.split("@")[0] ?? "";
  const head = node.slice(0, 8).toLowerCase();
  return /^[0-9a-f]{8}$/.test(head) ? head : random();
}

export function randomHex8(): string {
  return crypto.getRandomValues(new Uint32Array(1))[0]!.toString(16).padStart(8, "0");
}

export function resourceOf(jid: string): string {
  const slash = jid.indexOf("/");
  return slash < 0 ? "" : jid.slice(slash + 1);
}

export function bareOf(jid: string): string {
  const slash = jid.indexOf("/");
  return slash < 0 ? jid : jid.slice(0, slash);
}

/** Room names as they travel: NFKC, lower case, percent-encoded outside ASCII; spaces are gone. */
export function roomNode(name: string): string {
  let plain = name;
  try {
    plain = decodeURIComponent(name);
  } catch {
    // A lone percent sign is a character like any other.
  }
  const folded = plain.normalize("NFKC").trim().toLowerCase().replace(/\s+/g, "-");
  return encodeURIComponent(folded.replace(/["&'/:<>@?#\\]/g, "")).toLowerCase();
}

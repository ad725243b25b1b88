/**
 * The parts of the server that look after what hangs on a room (signalling notes 1.9 and 6):
 * which there are, where they live, and the JSON they send.
 */
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

export const COMPONENT_TYPES = [
  "av_moderation",
  "breakout_rooms",
  "cameras",
  "end_conference",
  "file-sharing",
  "lobbyrooms",
  "polls",
  "room_metadata",
  "speakerstats",
] as const;
export type ComponentType = (typeof COMPONENT_TYPES)[number];

/** Address by type; what the server does not have is missing. */
export type Components = Readonly<Partial<Record<ComponentType, string>>>;

export function buildDiscoInfo(): Xml {
  return xml("query", { xmlns: NS.discoInfo });
}

export function parseComponents(iq: Xml): Components {
  const found: Partial<Record<ComponentType, string>> = {};
  for (const { attrs } of elements(child(iq, "query", NS.discoInfo), "identity")) {
    if (attrs.category !== "component" || !attrs.name) continue;
    const type = COMPONENT_TYPES.find((each) => each === attrs.type);
    if (type) found[type] = attrs.name.toLowerCase();
  }
  return found;
}

/** What a component said; the payload is read by the file of that type. */
export interface ComponentMessage {
  readonly type: ComponentType;
  readonly payload: Json;
}

export type Json = Readonly<Record<string, unknown>>;

/** A JSON object, or undefined when the text is anything else. */
export function parseJson(source: string): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(source);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function asNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function asTexts(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((each): each is string => typeof each === "string")
    : [];
}

/**
 * Read a message of a component; undefined when it is none, or when it does not come from exactly
 * the address that was advertised for its type: anybody may write such JSON, only one may be believed.
 */
export function parseComponentMessage(
  message: Xml,
  components: Components,
): ComponentMessage | undefined {
  const json = child(message, "json-message", NS.jitmeet);
  if (!json || message.attrs.type === "error") return undefined;
  const payload = parseJson(text(json));
  const type = COMPONENT_TYPES.find((each) => each === payload?.type);
  if (!payload || !type || message.attrs.from?.toLowerCase() !== components[type]) {
    return undefined;
  }
  return { type, payload };
}

/** Why a component said no, in its own words; undefined when this is no such answer. */
export function parseRefusal(
  message: Xml,
  components: Components,
): { type: ComponentType; text: string } | undefined {
  if (message.attrs.type !== "error") return undefined;
  const from = message.attrs.from?.toLowerCase();
  const type = COMPONENT_TYPES.find((each) => components[each] === from);
  return type && { type, text: text(child(child(message, "error"), "text")) };
}

/** Stock clients send these without a namespace of their own. */
export function buildComponentMessage(to: string, payload: Xml): Xml {
  return xml("message", { xmlns: NS.client, to }, payload);
}

export function buildJsonMessage(to: string, payload: unknown, type?: string): Xml {
  return xml(
    "message",
    { xmlns: NS.client, to, type },
    xml("json-message", { xmlns: NS.jitmeet }, JSON.stringify(payload)),
  );
}

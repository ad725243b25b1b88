/** Chat and small JSON messages in the room (section 4.9 of the signalling notes). */
import { type EndpointId, resourceOf } from "./ids";
import { NS } from "./ns";
import { child, text, type Xml, xml } from "./xml";

export interface ChatLine {
  readonly kind: "chat";
  readonly id: string;
  readonly from: EndpointId;
  readonly body: string;
  readonly isPrivate: boolean;
  /** When it was said, for lines from before this client joined; null means now. */
  readonly sentAt: number | null;
  /** The author's name, for authors who are gone. */
  readonly authorName: string;
}

export interface ReactionMessage {
  readonly kind: "reaction";
  readonly from: EndpointId;
  readonly reaction: Reaction;
}

export interface ChatRefused {
  readonly kind: "refused";
  readonly text: string;
}

export interface SubjectChanged {
  readonly kind: "subject";
  readonly subject: string;
}

export type RoomMessage = ChatLine | ReactionMessage | ChatRefused | SubjectChanged;

/** The names stock clients use on the wire. */
export const REACTIONS = ["like", "clap", "laugh", "surprised", "love"] as const;
export type Reaction = (typeof REACTIONS)[number];

export function asReaction(value: unknown): Reaction | undefined {
  return REACTIONS.find((each) => each === value);
}

export function buildChat(room: string, id: string, body: string): Xml {
  return xml(
    "message",
    { xmlns: NS.client, to: room, type: "groupchat", id },
    xml("body", {}, body),
  );
}

/**
 * Reactions go through the room and not the bridge channel, because the room is there in every
 * state of the media: peer to peer, through the bridge, and while either is being set up.
 */
export function buildReaction(room: string, reaction: Reaction): Xml {
  return xml(
    "message",
    { xmlns: NS.client, to: room, type: "groupchat" },
    xml(
      "json-message",
      { xmlns: NS.jitmeet },
      JSON.stringify({ type: "reactions", reactions: [reaction] }),
    ),
  );
}

/** Longest text shown of one message; the server refuses far longer ones. */
const MAX_BODY = 10_000;

export function parseMessage(message: Xml): RoomMessage | undefined {
  const { type } = message.attrs;
  if (type === "error") {
    return { kind: "refused", text: text(child(child(message, "error"), "text")) };
  }
  const from = resourceOf(message.attrs.from ?? "");
  const delay = child(message, "delay", NS.delay)?.attrs.stamp;
  const json = child(message, "json-message", NS.jitmeet);
  if (json && !delay) return from === "" ? undefined : parseJson(from, text(json));
  const subject = child(message, "subject");
  const body = child(message, "body");
  if (subject && !body) return { kind: "subject", subject: text(subject) };
  if (!body || from === "" || (type !== "groupchat" && type !== "chat")) return undefined;
  const sentAt = delay ? Date.parse(delay) : Number.NaN;
  return {
    kind: "chat",
    id: message.attrs.id ?? "",
    from,
    body: text(body).slice(0, MAX_BODY),
    isPrivate: type === "chat",
    sentAt: Number.isNaN(sentAt) ? null : sentAt,
    authorName: text(child(message, "display-name", NS.displayName)),
  };
}

function parseJson(from: EndpointId, json: string): ReactionMessage | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return undefined;
  }
  const payload = parsed as { type?: unknown; reactions?: unknown } | null;
  if (payload?.type !== "reactions" || !Array.isArray(payload.reactions)) return undefined;
  const reaction = asReaction(payload.reactions[0]);
  return reaction ? { kind: "reaction", from, reaction } : undefined;
}

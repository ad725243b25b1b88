/** Chat and small JSON messages in the room (section 4.9 of the signalling notes). */
import { type CaptionLine, parseCaption } from "./captions";
import { asText, buildJsonMessage, type Json, parseJson } from "./components";
import { type EndpointId, resourceOf } from "./ids";
import { type LobbyNotice, parseLobbyNotice } from "./lobby";
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

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
  /** The line this one answers; empty when none. */
  readonly replyTo: string;
}

/** What is done to an earlier line: `target` is its id. */
export type ChatChange =
  /** XEP-0308: said again, better. */
  | { kind: "edited"; target: string; from: EndpointId; body: string }
  /** XEP-0424: taken back. */
  | { kind: "retracted"; target: string; from: EndpointId }
  /** XEP-0444: these are now all reactions of that person to the line. */
  | { kind: "reacted"; target: string; from: EndpointId; emoji: readonly string[] };

export interface ReactionMessage {
  readonly kind: "reaction";
  readonly from: EndpointId;
  readonly reaction: Reaction;
}

export interface ChatRefused {
  readonly kind: "refused";
  /** Of the line that was refused; empty when it had none. */
  readonly id: string;
  readonly text: string;
}

export interface SubjectChanged {
  readonly kind: "subject";
  readonly subject: string;
}

/** A moderator asks us to lower our hand. */
export interface HandLowered {
  readonly kind: "hand-lowered";
  readonly from: EndpointId;
}

/** The room speaks: for the server, or for a moderator who speaks to all groups. */
export interface ServerLine {
  readonly kind: "server";
  readonly body: string;
  /** The moderator's name; empty when the server itself speaks. */
  readonly name: string;
}

export type RoomMessage =
  | ChatLine
  | ChatChange
  | ReactionMessage
  | ChatRefused
  | SubjectChanged
  | ServerLine
  | HandLowered
  | { kind: "lobby"; notice: LobbyNotice }
  /** Whether this occupant may caption is for the reader to check. */
  | { kind: "caption"; from: EndpointId; line: CaptionLine };

/** The names stock clients use on the wire. */
export const REACTIONS = ["like", "clap", "laugh", "surprised", "love"] as const;
export type Reaction = (typeof REACTIONS)[number];

export function asReaction(value: unknown): Reaction | undefined {
  return REACTIONS.find((each) => each === value);
}

/** Where a line goes: to the room (everybody), or to one occupant of it. */
export interface ChatTarget {
  readonly to: string;
  readonly isPrivate: boolean;
}

function message(target: ChatTarget, id: string, ...children: readonly (Xml | null)[]): Xml {
  const type = target.isPrivate ? "chat" : "groupchat";
  return xml("message", { xmlns: NS.client, to: target.to, type, id }, ...children);
}

export function buildChat(target: ChatTarget, id: string, body: string, replyTo = ""): Xml {
  return message(
    target,
    id,
    xml("body", {}, body),
    replyTo === "" ? null : xml("reply", { xmlns: NS.reply, to: replyTo }),
  );
}

/** Say an earlier line again, better (XEP-0308). */
export function buildEdit(target: ChatTarget, id: string, original: string, body: string): Xml {
  return message(
    target,
    id,
    xml("body", {}, body),
    xml("replace", { xmlns: NS.correct, id: original }),
  );
}

/** Take an earlier line back (XEP-0424), in the form of stock clients. */
export function buildRetraction(target: ChatTarget, id: string, original: string): Xml {
  return message(
    target,
    id,
    xml("retract", { xmlns: NS.retract, id: original }),
    xml("fallback", { xmlns: NS.fallback, for: NS.retract }),
    xml("body", {}),
    xml("store", { xmlns: NS.hints }),
  );
}

/** All reactions that one has to a line (XEP-0444); stock clients put the hint inside. */
export function buildLineReaction(
  target: ChatTarget,
  id: string,
  line: string,
  emoji: readonly string[],
): Xml {
  return message(
    target,
    id,
    xml(
      "reactions",
      { xmlns: NS.reactions, id: line },
      ...emoji.map((each) => xml("reaction", {}, each)),
      xml("store", { xmlns: NS.hints }),
    ),
  );
}

/**
 * Reactions go through the room and not the bridge channel, because the room is there in every
 * state of the media: peer to peer, through the bridge, and while either is being set up.
 */
export function buildReaction(room: string, reaction: Reaction): Xml {
  return buildJsonMessage(room, { type: "reactions", reactions: [reaction] }, "groupchat");
}

const LOWER_HAND = "lower-hand-message";

/** Lower the hand of one occupant; for moderators. */
export function buildLowerHand(occupantJid: string): Xml {
  return buildJsonMessage(occupantJid, { type: LOWER_HAND, name: LOWER_HAND }, "chat");
}

/** Longest text shown of one message; the server refuses far longer ones. */
const MAX_BODY = 10_000;
/** A person has no more reactions to a line than fit beside it. */
const MAX_EMOJI = 8;
const MAX_EMOJI_LENGTH = 32;

export function parseMessage(stanza: Xml): RoomMessage | undefined {
  const { type } = stanza.attrs;
  if (type === "error") {
    const id = stanza.attrs.id ?? "";
    return { kind: "refused", id, text: text(child(child(stanza, "error"), "text")) };
  }
  const from = resourceOf(stanza.attrs.from ?? "");
  const delay = child(stanza, "delay", NS.delay)?.attrs.stamp;
  const json = child(stanza, "json-message", NS.jitmeet);
  if (json && !delay) {
    const payload = parseJson(text(json));
    return payload && parsePayload(from, payload);
  }
  const change = from === "" ? undefined : parseChange(stanza, from);
  if (change) return change;
  const subject = child(stanza, "subject");
  const body = child(stanza, "body");
  if (subject && !body) return { kind: "subject", subject: text(subject) };
  if (!body || from === "" || (type !== "groupchat" && type !== "chat")) return undefined;
  const sentAt = delay ? Date.parse(delay) : Number.NaN;
  return {
    kind: "chat",
    id: stanza.attrs.id ?? "",
    from,
    body: text(body).slice(0, MAX_BODY),
    isPrivate: type === "chat",
    sentAt: Number.isNaN(sentAt) ? null : sentAt,
    authorName: text(child(stanza, "display-name", NS.displayName)),
    // Stock clients write it without a namespace.
    replyTo: elements(stanza, "reply")[0]?.attrs.to ?? "",
  };
}

function parseChange(stanza: Xml, from: EndpointId): ChatChange | undefined {
  const retract = child(stanza, "retract", NS.retract)?.attrs.id;
  if (retract) return { kind: "retracted", target: retract, from };
  const reactions = child(stanza, "reactions", NS.reactions);
  if (reactions?.attrs.id) {
    const emoji = elements(reactions, "reaction")
      .map((each) => text(each).trim())
      .filter((each) => each !== "" && each.length <= MAX_EMOJI_LENGTH);
    return {
      kind: "reacted",
      target: reactions.attrs.id,
      from,
      emoji: [...new Set(emoji)].slice(0, MAX_EMOJI),
    };
  }
  const replace = child(stanza, "replace", NS.correct)?.attrs.id;
  const body = child(stanza, "body");
  if (!replace || !body) return undefined;
  return { kind: "edited", target: replace, from, body: text(body).slice(0, MAX_BODY) };
}

function parsePayload(from: EndpointId, payload: Json): RoomMessage | undefined {
  // Only the room itself, without a nickname, speaks for the server.
  if (from === "") {
    const body = asText(payload.message);
    return payload.type === "system_chat_message" && body !== ""
      ? { kind: "server", body, name: asText(payload.displayName) }
      : undefined;
  }
  const notice = parseLobbyNotice(from, payload);
  if (notice) return { kind: "lobby", notice };
  if (payload.type === LOWER_HAND || payload.name === LOWER_HAND) {
    return { kind: "hand-lowered", from };
  }
  const line = parseCaption(payload);
  if (line) return { kind: "caption", from, line };
  if (payload.type !== "reactions" || !Array.isArray(payload.reactions)) return undefined;
  const reaction = asReaction(payload.reactions[0]);
  return reaction ? { kind: "reaction", from, reaction } : undefined;
}

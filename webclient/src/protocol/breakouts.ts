/** Breakout rooms (signalling notes 6.5): what there is, who is where, and what moderators change. */
import { asNumber, asText, asTexts, isObject, type Json } from "./components";
import { type EndpointId, resourceOf } from "./ids";
import { type Xml, xml } from "./xml";

export interface BreakoutPerson {
  readonly id: EndpointId;
  /** Real address: people are moved by it. */
  readonly realJid: string;
  readonly name: string;
  readonly isModerator: boolean;
}

export interface BreakoutRoom {
  readonly id: string;
  readonly jid: string;
  readonly name: string;
  readonly isMain: boolean;
  readonly people: readonly BreakoutPerson[];
  /** Who is meant to be here once the rooms open. */
  readonly assigned: readonly EndpointId[];
}

/** What the server tells; empty while there is nothing but the main room. */
export interface BreakoutPlan {
  readonly rooms: readonly BreakoutRoom[];
  /** People are sent to their rooms; false while they are only being planned. */
  readonly isOpen: boolean;
  /** When everybody is called back, in ms since the epoch; null: until further notice. */
  readonly endsAt: number | null;
}

export const NO_PLAN: BreakoutPlan = { rooms: [], isOpen: false, endsAt: null };

export type BreakoutMessage =
  | { kind: "plan"; plan: BreakoutPlan }
  /** Go there now. */
  | { kind: "move"; roomJid: string };

function parseRoom(id: string, value: Json): BreakoutRoom {
  const people = isObject(value.participants) ? value.participants : {};
  return {
    id,
    jid: asText(value.jid).toLowerCase(),
    name: asText(value.name),
    isMain: value.isMainRoom === true,
    assigned: asTexts(value.assigned),
    people: Object.entries(people)
      .filter((entry): entry is [string, Json] => isObject(entry[1]))
      .map(([occupant, person]) => ({
        id: resourceOf(occupant),
        realJid: asText(person.jid),
        name: asText(person.displayName),
        isModerator: person.role === "moderator",
      })),
  };
}

const EVENT = "features/breakout-rooms";

/**
 * @param now is this machine's clock: the server's may differ, and only what is left matters.
 */
export function parseBreakouts(payload: Json, now: number): BreakoutMessage | undefined {
  switch (payload.event) {
    case `${EVENT}/update`: {
      if (!isObject(payload.rooms)) return undefined;
      const rooms = Object.entries(payload.rooms)
        .filter((entry): entry is [string, Json] => isObject(entry[1]))
        .map(([id, room]) => parseRoom(id, room));
      const closesAt = asNumber(payload.closesAt);
      const endsAt = closesAt === null ? null : closesAt - (asNumber(payload.now) ?? now) + now;
      return { kind: "plan", plan: { rooms, isOpen: payload.isOpen === true, endsAt } };
    }
    case `${EVENT}/move-to-room`:
      return { kind: "move", roomJid: asText(payload.roomJid).toLowerCase() };
    default:
      return undefined;
  }
}

/** The first four are known to stock clients; the rest is what this server adds. */
export type BreakoutOrder =
  | { kind: "add"; name: string }
  | { kind: "remove"; roomJid: string }
  | { kind: "rename"; roomJid: string; name: string }
  | { kind: "move"; realJid: string; roomJid: string }
  /** Plan somebody for a room; an empty address takes the plan back. */
  | { kind: "assign"; realJid: string; roomJid: string }
  | { kind: "shuffle" }
  /** `seconds` null: until further notice. */
  | { kind: "open"; seconds: number | null }
  | { kind: "limit-time"; seconds: number | null }
  | { kind: "close" }
  | { kind: "call-back"; roomJid: string }
  | { kind: "broadcast"; text: string };

export function buildBreakoutOrder(order: BreakoutOrder): Xml {
  const element = (
    type: string,
    attrs: Record<string, string | undefined> = {},
    ...content: string[]
  ): Xml => xml("breakout_rooms", { type: `${EVENT}/${type}`, ...attrs }, ...content);
  switch (order.kind) {
    case "add":
      return element("add", { subject: order.name });
    case "remove":
      return element("remove", { breakoutRoomJid: order.roomJid });
    case "rename":
      return element("rename", { breakoutRoomJid: order.roomJid, subject: order.name });
    case "move":
      return element("move-to-room", { participantJid: order.realJid, roomJid: order.roomJid });
    case "assign":
      return element("assign", {
        participantJid: order.realJid,
        breakoutRoomJid: order.roomJid || undefined,
      });
    case "open":
    case "limit-time":
      return element(order.kind, { seconds: order.seconds?.toString() });
    case "call-back":
      return element("call-back", { breakoutRoomJid: order.roomJid || undefined });
    case "broadcast":
      return element("broadcast", {}, order.text);
    case "shuffle":
    case "close":
      return element(order.kind);
  }
}

/** Stock clients tell with the leave that this person is only changing rooms (notes 4.7). */
export const SWITCH_ROOM = "switch_room";

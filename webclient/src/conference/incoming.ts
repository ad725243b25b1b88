/** Where each stanza goes: to the room, the lobby, the parts of the server, the media. */
import { discoAnswer } from "../protocol/caps";
import { olmIn } from "../protocol/e2ee/messages";
import { parseMute } from "../protocol/focus";
import { bareOf, FOCUS_NICK } from "../protocol/ids";
import { NS } from "../protocol/ns";
import { isConfigChange } from "../protocol/room-info";
import { child, type Xml } from "../protocol/xml";
import type { ComponentInbox } from "./component-inbox";
import type { EncryptionDoor } from "./e2ee/door";
import type { LobbyGuest } from "./lobby-guest";
import type { LobbyHost } from "./lobby-host";
import type { Moderation } from "./moderation";
import type { Occupants } from "./occupants";
import type { RoomMessages } from "./room-messages";
import { isFocusReal, type Seat } from "./seat";

export interface IncomingParts {
  readonly occupants: Occupants;
  readonly messages: RoomMessages;
  readonly inbox: ComponentInbox;
  readonly lobbyGuest: LobbyGuest;
  readonly lobbyHost: LobbyHost;
  readonly moderation: Moderation;
  readonly encryption: EncryptionDoor;
  /** The settings of the room have changed. */
  roomChanged(seat: Seat): void;
}

export function isFocus(seat: Seat, jid: string): boolean {
  return jid === `${seat.room}/${FOCUS_NICK}` && isFocusReal(seat);
}

export function receive(seat: Seat, stanza: Xml, parts: IncomingParts): void {
  const from = bareOf(stanza.attrs.from ?? "").toLowerCase();
  if (parts.lobbyGuest.receive(seat, stanza) || parts.lobbyHost.receive(stanza)) return;
  switch (stanza.name) {
    case "presence":
      if (from === seat.room) parts.occupants.receive(seat, stanza);
      break;
    case "message":
      if (!from.includes("@")) parts.inbox.receive(seat, stanza);
      else if (from !== seat.room) break;
      else if (isConfigChange(stanza)) parts.roomChanged(seat);
      else receiveMessage(seat, stanza, parts);
      break;
    case "iq":
      receiveIq(seat, stanza, parts.moderation);
      break;
    default:
      break;
  }
}

function receiveMessage(seat: Seat, stanza: Xml, parts: IncomingParts): void {
  const exchange = olmIn(stanza);
  if (exchange) parts.encryption.receive(exchange.from, exchange.olm);
  else parts.messages.receive(seat, stanza);
}

function receiveIq(seat: Seat, iq: Xml, moderation: Moderation): void {
  const { type, from = "" } = iq.attrs;
  const disco = child(iq, "query", NS.discoInfo);
  const mute = parseMute(iq);
  if (type === "get" && disco) {
    seat.connection.reply(iq, discoAnswer(disco));
  } else if (type === "set" && child(iq, "jingle", NS.jingle)) {
    if (seat.media) seat.media.receive(iq);
    else seat.connection.refuse(iq, "item-not-found");
  } else if (type === "set" && mute) {
    if (!isFocus(seat, from)) {
      seat.connection.refuse(iq, "not-allowed", "auth");
      return;
    }
    seat.connection.reply(iq);
    moderation.mutedBy(mute.kind, mute.actor);
  } else {
    seat.connection.refuse(iq, "service-unavailable");
  }
}

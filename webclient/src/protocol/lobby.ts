/** Waiting to be let in, and letting in (signalling notes 4.6 and 6.4). */
import { asText, buildJsonMessage, type Json, parseJson } from "./components";
import { bareOf, type EndpointId, resourceOf } from "./ids";
import { NS } from "./ns";
import { child, elements, text, type Xml, xml } from "./xml";

/** Enter the lobby's room under a name; `to` is the lobby's occupant address. */
export function buildLobbyJoin(to: string, displayName: string): Xml {
  return xml(
    "presence",
    { xmlns: NS.client, to },
    xml("x", { xmlns: NS.muc }),
    displayName === "" ? null : xml("nick", { xmlns: NS.nick }, displayName),
  );
}

/** Let people in: said to the main room, by their real addresses. */
export function buildAdmit(mainRoom: string, realJids: readonly string[]): Xml {
  return xml(
    "message",
    { xmlns: NS.client, to: mainRoom },
    xml("x", { xmlns: NS.mucUser }, ...realJids.map((jid) => xml("invite", { to: jid }))),
  );
}

/** "Come in": which room, and its password if it has one. */
export interface Invitation {
  readonly room: string;
  readonly password: string;
}

export function parseInvitation(message: Xml): Invitation | undefined {
  const user = child(message, "x", NS.mucUser);
  if (!user || !child(user, "invite") || message.attrs.type === "error") return undefined;
  return {
    room: bareOf(message.attrs.from ?? "").toLowerCase(),
    password: text(child(user, "password")),
  };
}

export const LOBBY_NOTICES = [
  "LOBBY-ENABLED",
  "LOBBY-ACCESS-GRANTED",
  "LOBBY-ACCESS-DENIED",
] as const;

/** The room tells everybody what became of the lobby, or of somebody in it. */
export interface LobbyNotice {
  readonly event: (typeof LOBBY_NOTICES)[number];
  readonly actor: EndpointId;
  readonly isOn: boolean;
  readonly name: string;
}

export function parseLobbyNotice(from: EndpointId, payload: Json): LobbyNotice | undefined {
  if (payload.type !== "lobby-notify") return undefined;
  const event = LOBBY_NOTICES.find((each) => each === payload.event);
  if (!event) return undefined;
  return { event, actor: from, isOn: payload.value === true, name: asText(payload.name) };
}

/** The lobby's chat passes between those who wait and moderators only. */
const LOBBY_CHAT = "LOBBY_CHAT_MESSAGE";

export function buildLobbyChat(to: string, body: string, isPrivate: boolean): Xml {
  return buildJsonMessage(
    to,
    { type: LOBBY_CHAT, message: body },
    isPrivate ? "chat" : "groupchat",
  );
}

export function parseLobbyChat(message: Xml): { from: EndpointId; body: string } | undefined {
  const json = child(message, "json-message", NS.jitmeet);
  const payload = json && parseJson(text(json));
  if (payload?.type !== LOBBY_CHAT || message.attrs.type === "error") return undefined;
  const body = asText(payload.message);
  return body === "" ? undefined : { from: resourceOf(message.attrs.from ?? ""), body };
}

/** Why the way into the room goes through a lobby; undefined when the error says otherwise. */
export function lobbyOf(error: Xml | undefined): { room: string; waitsForHost: boolean } {
  return {
    room: text(elements(error, "lobbyroom")[0]).trim().toLowerCase(),
    waitsForHost: child(error, "waiting-for-host") !== undefined,
  };
}

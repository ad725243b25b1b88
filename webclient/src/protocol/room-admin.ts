/** What moderators change about a room and its people (XEP-0045 §9 and §10). */
import type { EndpointId } from "./ids";
import { NS } from "./ns";
import { formFields, type RoomInfo } from "./room-info";
import { child, type Xml, xml } from "./xml";

export type Affiliation = "owner" | "member" | "none" | "outcast";

/** Ask the room to remove an occupant (§8.2). */
export function buildKick(nick: EndpointId, reason: string): Xml {
  return xml(
    "query",
    { xmlns: NS.mucAdmin },
    xml("item", { nick, role: "none" }, xml("reason", {}, reason)),
  );
}

/**
 * Make people moderators (owner), or not (none, or member while a lobby is on), or ban them
 * (outcast). `jids` are real addresses; the resource does not matter here.
 */
export function buildAffiliation(
  jids: readonly string[],
  affiliation: Affiliation,
  reason = "",
): Xml {
  return xml(
    "query",
    { xmlns: NS.mucAdmin },
    ...jids.map((jid) =>
      xml(
        "item",
        { affiliation, jid: jid.split("/")[0] },
        reason === "" ? null : xml("reason", {}, reason),
      ),
    ),
  );
}

export function buildOwnerFormRequest(): Xml {
  return xml("query", { xmlns: NS.mucOwner });
}

/** The settings that this room lets its owners change. */
export function parseOwnerForm(iq: Xml): ReadonlySet<string> {
  const form = child(child(iq, "query", NS.mucOwner), "x", NS.dataForm);
  return new Set(formFields(form).keys());
}

function buildForm(fields: Readonly<Record<string, string>>): Xml {
  const form = {
    FORM_TYPE: "http://jabber.org/protocol/muc#roomconfig",
    ...fields,
  };
  return xml(
    "query",
    { xmlns: NS.mucOwner },
    xml(
      "x",
      { xmlns: NS.dataForm, type: "submit" },
      ...Object.entries(form).map(([name, value]) =>
        xml("field", { var: name }, xml("value", {}, value)),
      ),
    ),
  );
}

export const PASSWORD_FIELD = "muc#roomconfig_roomsecret";
export const LOBBY_FIELD = "muc#roomconfig_membersonly";

/** Set the password; an empty one takes it away. The lobby stays as it is. */
export function buildPasswordForm(password: string, room: RoomInfo): Xml {
  return buildForm({
    [PASSWORD_FIELD]: password,
    "muc#roomconfig_passwordprotectedroom": password === "" ? "0" : "1",
    "muc#roomconfig_whois": "anyone",
    ...(room.isMembersOnly ? { [LOBBY_FIELD]: "true" } : {}),
  });
}

/** Switch the lobby; the password stays as it is. */
export function buildLobbyForm(isOn: boolean, room: RoomInfo): Xml {
  return buildForm({
    [LOBBY_FIELD]: String(isOn),
    ...(room.hasPassword ? { "muc#roomconfig_passwordprotectedroom": "1" } : {}),
  });
}

export function buildEndConference(): Xml {
  return xml("end_conference");
}

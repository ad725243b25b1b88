/** What the room says about itself (XEP-0045 §6.4 and the Jitsi profile, signalling notes 4.4). */
import { NS } from "./ns";
import { child, elements, text, type Xml } from "./xml";

export interface RoomInfo {
  readonly meetingId: string;
  /** When the second person came, in ms since the epoch; null before that. */
  readonly createdAt: number | null;
  readonly hasPassword: boolean;
  readonly isMembersOnly: boolean;
  /** Address of the lobby while there is one. */
  readonly lobbyRoom: string;
  readonly isBreakout: boolean;
  readonly mainRoom: string;
}

export function formFields(form: Xml | undefined): ReadonlyMap<string, string> {
  return new Map(
    elements(form, "field").map((field) => [
      field.attrs.var ?? "",
      text(child(field, "value")).trim(),
    ]),
  );
}

export function parseRoomInfo(iq: Xml): RoomInfo | undefined {
  const query = child(iq, "query", NS.discoInfo);
  if (!query) return undefined;
  const features = new Set(elements(query, "feature").map((feature) => feature.attrs.var));
  const fields = formFields(child(query, "x", NS.dataForm));
  const createdAt = Number(fields.get("muc#roominfo_created_timestamp") || Number.NaN);
  return {
    meetingId: fields.get("muc#roominfo_meetingId") ?? "",
    createdAt: Number.isFinite(createdAt) ? createdAt : null,
    hasPassword: features.has("muc_passwordprotected"),
    isMembersOnly: features.has("muc_membersonly"),
    lobbyRoom: (fields.get("muc#roominfo_lobbyroom") ?? "").toLowerCase(),
    // Stock clients take any text for yes, so no server sends it in a main room.
    isBreakout: (fields.get("muc#roominfo_isbreakout") ?? "") !== "",
    mainRoom: (fields.get("muc#roominfo_breakout_main_room") ?? "").toLowerCase(),
  };
}

/** XEP-0045 §10.2.1: the settings of the room have changed; ask again. */
export function isConfigChange(message: Xml): boolean {
  return elements(child(message, "x", NS.mucUser), "status").some(
    (status) => status.attrs.code === "104",
  );
}

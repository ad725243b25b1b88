/** Short keys (signalling notes 1.11): for files, for the attendance list, to lead the room. */
import { NS } from "./ns";
import { child, elements, type Xml, xml } from "./xml";

export type KeyFor = "file-sharing" | "attendance" | "invitation";

export function buildKeyRequest(host: KeyFor): Xml {
  return xml(
    "credentials",
    { xmlns: NS.extdisco },
    xml("service", { type: "short-lived-token", host }),
  );
}

/** The key and when it ends, in ms since the epoch; undefined when there is none for us. */
export function parseKey(iq: Xml): { token: string; expiresAt: number } | undefined {
  const service = elements(child(iq, "credentials", NS.extdisco), "service")[0];
  const token = service?.attrs.password ?? "";
  if (token === "") return undefined;
  const expiresAt = Date.parse(service?.attrs.expires ?? "");
  return { token, expiresAt: Number.isNaN(expiresAt) ? 0 : expiresAt };
}

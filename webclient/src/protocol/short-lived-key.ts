/** Short keys for what is fetched over HTTP (signalling notes 1.11): files, the attendance list. */
import { NS } from "./ns";
import { child, elements, type Xml, xml } from "./xml";

export type KeyFor = "file-sharing" | "attendance";

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

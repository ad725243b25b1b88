/** STUN and TURN servers the site offers (XEP-0215). */
import { NS } from "./ns";
import { child, elements, type Xml, xml } from "./xml";

export function buildServicesRequest(): Xml {
  return xml("services", { xmlns: NS.extdisco });
}

export interface IceServer {
  readonly urls: string;
  readonly username?: string;
  readonly credential?: string;
}

export function parseServices(iq: Xml): IceServer[] {
  return elements(child(iq, "services"), "service").flatMap((service): IceServer[] => {
    const { type, host, port, transport, username, password } = service.attrs;
    if (!host || (type !== "stun" && type !== "turn" && type !== "turns")) return [];
    const address = `${type}:${host.includes(":") ? `[${host}]` : host}${port ? `:${port}` : ""}`;
    if (type === "stun") return [{ urls: address }];
    return [
      {
        urls: transport && transport !== "udp" ? `${address}?transport=${transport}` : address,
        ...(username ? { username } : {}),
        ...(password ? { credential: password } : {}),
      },
    ];
  });
}

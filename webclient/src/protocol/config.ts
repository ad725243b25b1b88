/** The part of `/config.js` (Jitsi convention: one global `config`) that this client reads. */
import { readTheme, type SiteTheme } from "./theme";

export interface SiteConfig {
  readonly domain: string;
  readonly muc: string;
  readonly focus: string;
  readonly websocket: string;
  /** For networks without WebSockets; empty when the site has none. */
  readonly bosh: string;
  readonly p2pEnabled: boolean;
  readonly backToP2PDelayMs: number;
  readonly siteName: string;
  readonly theme: SiteTheme;
  /** How many videos to ask for at most; -1 means all. */
  readonly lastN: number;
  /** Where files of a meeting are kept; empty when this site keeps none. */
  readonly filesUrl: string;
  /** Where guests log in; the same as `domain` where there is no other. */
  readonly guestDomain: string;
  /** People with accounts open rooms here, and guests wait for them. */
  readonly hasLogins: boolean;
  /** Where people sign in at the house's own provider, with `{room}` in it; empty without one. */
  readonly signInUrl: string;
}

type Raw = {
  hosts?: { domain?: unknown; muc?: unknown; focus?: unknown; anonymousdomain?: unknown };
  websocket?: unknown;
  bosh?: unknown;
  p2p?: { enabled?: unknown; backToP2PDelay?: unknown };
  siteName?: unknown;
  siteTheme?: unknown;
  channelLastN?: unknown;
  tokenAuthUrl?: unknown;
  fileSharing?: { enabled?: unknown; apiUrl?: unknown };
};

/**
 * Read the global `config`, with the defaults that follow from the page's own address.
 *
 * A WebSocket address without a host, or on a port the page was not loaded from, is taken from the
 * page: whoever could load the page can reach that server.
 */
export function readConfig(raw: unknown, page: { hostname: string; host: string }): SiteConfig {
  const given = (raw ?? {}) as Raw;
  const domain = string(given.hosts?.domain) ?? page.hostname;
  const websocket = string(given.websocket) ?? "/xmpp-websocket";
  const bosh = string(given.bosh) ?? "";
  return {
    domain,
    muc: string(given.hosts?.muc) ?? `conference.${domain}`,
    focus: string(given.hosts?.focus) ?? `focus.${domain}`,
    websocket: websocket.startsWith("/") ? `wss://${page.host}${websocket}` : websocket,
    bosh: bosh.startsWith("/") ? `https://${page.host}${bosh}` : bosh,
    p2pEnabled: given.p2p?.enabled !== false,
    backToP2PDelayMs:
      typeof given.p2p?.backToP2PDelay === "number" ? given.p2p.backToP2PDelay * 1000 : 5000,
    siteName: string(given.siteName) ?? "Tertulia",
    theme: readTheme(given.siteTheme),
    lastN: typeof given.channelLastN === "number" ? given.channelLastN : -1,
    guestDomain: string(given.hosts?.anonymousdomain) ?? domain,
    hasLogins: string(given.hosts?.anonymousdomain) !== undefined,
    signInUrl: string(given.tokenAuthUrl) ?? "",
    filesUrl: given.fileSharing?.enabled === false ? "" : (string(given.fileSharing?.apiUrl) ?? ""),
  };
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The login of this browser at this site, kept until the server has forgotten it. */
import type { SiteConfig } from "../protocol/config";
import { logIn } from "../protocol/log-in";
import { machineUid } from "./machine-uid";

const KEY = "tertulia.login";

/** Shown with every request for a conference; empty when nobody has logged in here. */
export function loginSession(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function forgetLogin(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}

/** Prove an account; the next request for the conference is made in its name. */
export async function startLogin(
  config: SiteConfig,
  room: string,
  user: string,
  password: string,
): Promise<"in" | "wrong" | "unreachable"> {
  const result = await logIn({
    url: config.websocket,
    domain: config.domain,
    focus: config.focus,
    room,
    machineUid: machineUid(),
    user,
    password,
  });
  if (result.kind !== "in") return result.kind;
  try {
    localStorage.setItem(KEY, result.sessionId);
  } catch {
    return "unreachable";
  }
  return "in";
}

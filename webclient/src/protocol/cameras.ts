/** Who is without a camera where one is required, as the server counts it. */
import { asNumber, isObject, type Json } from "./components";
import type { EndpointId } from "./ids";

/** Since when, by endpoint, in ms of the clock here. */
export type WithoutCamera = Readonly<Record<EndpointId, number>>;

/** The whole of it each time; `now` is the time here, since clocks differ. */
export function parseCameras(payload: Json, now: number): WithoutCamera {
  const missing = isObject(payload.missing) ? payload.missing : {};
  const ahead = (asNumber(payload.now) ?? now) - now;
  const found: Record<EndpointId, number> = {};
  for (const [endpoint, since] of Object.entries(missing)) {
    const at = asNumber(since);
    if (at !== null) found[endpoint] = at - ahead;
  }
  return found;
}

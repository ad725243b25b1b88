/** A link by which somebody who cannot sign in leads this room for a while. */
import { buildKeyRequest, parseKey } from "../protocol/short-lived-key";
import type { SeatAccess } from "./seat";

export class Inviting {
  constructor(
    private readonly seat: SeatAccess,
    private readonly domain: string,
  ) {}

  /** What goes into the link, and until when it is good; undefined when we may not make one. */
  async key(): Promise<{ token: string; expiresAt: number } | undefined> {
    const seat = this.seat();
    if (!seat?.isJoined) return undefined;
    return seat.connection
      .request("get", this.domain, buildKeyRequest("invitation"))
      .then(parseKey)
      .catch(() => undefined);
  }
}

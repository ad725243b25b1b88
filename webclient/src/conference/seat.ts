/** One connection and what belongs to it; a reconnection makes a new one. */
import type { XmppConnection } from "../protocol/connection";
import { bareOf, type EndpointId } from "../protocol/ids";
import type { IceServer } from "../protocol/services";
import type { Media } from "./media";

export interface Seat {
  readonly connection: XmppConnection;
  ownJid: string;
  nick: EndpointId;
  focusJid: string;
  focusRealJid: string;
  isJoined: boolean;
  isLost: boolean;
  iceServers: IceServer[];
  media: Media | null;
  bots: Set<EndpointId>;
}

/** `connect` makes the connection, whose events concern the seat that it is given. */
export function takeSeat(connect: (seat: () => Seat) => XmppConnection): Seat {
  const seat: Seat = {
    connection: connect(() => seat),
    ownJid: "",
    nick: "",
    focusJid: "",
    focusRealJid: "",
    isJoined: false,
    isLost: false,
    iceServers: [],
    media: null,
    bots: new Set(),
  };
  return seat;
}

/** True when the room's focus is the one that the conference was asked of. */
export function isFocusReal(seat: Seat): boolean {
  return seat.focusJid !== "" && bareOf(seat.focusRealJid).toLowerCase() === seat.focusJid;
}

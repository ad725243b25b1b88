/** One connection and what belongs to it; a reconnection makes a new one. */
import type { Components } from "../protocol/components";
import type { XmppConnection } from "../protocol/connection";
import { bareOf, type EndpointId } from "../protocol/ids";
import type { IceServer } from "../protocol/services";
import type { Xml } from "../protocol/xml";
import type { Media } from "./media";

export interface Seat {
  readonly connection: XmppConnection;
  ownJid: string;
  nick: EndpointId;
  /** Address of the room in which it is, or is going to be; breakout rooms have their own. */
  room: string;
  /** Opens that room; empty when none is known. */
  password: string;
  /** Where the parts of the server live; null until it has said so. */
  components: Components | null;
  /** What they said before that. */
  early: Xml[];
  focusJid: string;
  focusRealJid: string;
  isJoined: boolean;
  isLost: boolean;
  iceServers: IceServer[];
  media: Media | null;
  bots: Set<EndpointId>;
}

/** `connect` makes the connection, whose events concern the seat that it is given. */
export function takeSeat(room: string, connect: (seat: () => Seat) => XmppConnection): Seat {
  const seat: Seat = {
    connection: connect(() => seat),
    ownJid: "",
    nick: "",
    room,
    password: "",
    components: null,
    early: [],
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

/** The way to the seat of this moment; null between two connections. */
export type SeatAccess = () => Seat | null;

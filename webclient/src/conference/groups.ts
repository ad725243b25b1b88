/** Breakout rooms: what moderators order, and asking for the way back. */
import { type BreakoutOrder, buildBreakoutOrder } from "../protocol/breakouts";
import { buildComponentMessage } from "../protocol/components";
import type { SeatAccess } from "./seat";
import type { Store } from "./store";

export class Groups {
  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
  ) {}

  /** True when this server has breakout rooms. */
  get isSupported(): boolean {
    return this.seat()?.components?.breakout_rooms !== undefined;
  }

  order(order: BreakoutOrder): void {
    const seat = this.seat();
    const to = seat?.components?.breakout_rooms;
    if (seat && to) seat.connection.send(buildComponentMessage(to, buildBreakoutOrder(order)));
    else this.store.notice("action-refused");
  }
}

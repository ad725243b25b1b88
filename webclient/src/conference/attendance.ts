/**
 * The list of who was here, as a table for spreadsheets. The key to it is fetched while we are in
 * the room and moderate; it outlives the meeting, so that the list can be saved afterwards.
 */
import { buildKeyRequest, parseKey } from "../protocol/short-lived-key";
import type { SeatAccess } from "./seat";
import type { Store } from "./store";

export class Attendance {
  private address = "";
  private token = "";

  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
    private readonly domain: string,
  ) {}

  /** True when the list can be had, also after the meeting. */
  get isReady(): boolean {
    return this.token !== "";
  }

  /** Fetch the key if there is a list and we may have it; asked after every change of either. */
  async follow(): Promise<void> {
    const seat = this.seat();
    const { rules, isModerator } = this.store.state;
    const { meetingId, isBreakout } = rules.room;
    if (!seat?.isJoined || !isModerator || !rules.metadata.isAttendanceKept) return;
    if (meetingId === "" || isBreakout || this.isReady) return;
    const key = await seat.connection
      .request("get", this.domain, buildKeyRequest("attendance"))
      .then(parseKey)
      .catch(() => undefined);
    if (!key) return;
    this.token = key.token;
    this.address = `/attendance/v1/${encodeURIComponent(meetingId)}.csv`;
  }

  /** The table, or null when it cannot be had. */
  async table(): Promise<Blob | null> {
    await this.follow();
    if (!this.isReady) return null;
    try {
      const headers = { Authorization: `Bearer ${this.token}` };
      const response = await fetch(this.address, { headers });
      return response.ok ? await response.blob() : null;
    } catch {
      return null;
    }
  }
}

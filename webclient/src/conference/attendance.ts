/**
 * The list of who was here, as a table for spreadsheets, and in rooms that are kept the lists of
 * earlier meetings. The key to them is fetched while we are in the room and moderate; it outlives the
 * meeting, so that the list can be saved afterwards.
 */
import { buildKeyRequest, parseKey } from "../protocol/short-lived-key";
import type { SeatAccess } from "./seat";
import type { Store } from "./store";

const BASE = "/attendance/v1";

/** Of a meeting before this one. */
export interface EarlierList {
  readonly meeting: string;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  readonly people: number;
}

export class Attendance {
  private meeting = "";
  private token = "";

  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
    private readonly domain: string,
  ) {}

  /** True when the list of this meeting can be had, also after it. */
  get isReady(): boolean {
    return this.meeting !== "";
  }

  /** Fetch the key if there is a list and we may have it; asked after every change of either. */
  async follow(): Promise<void> {
    const { room, metadata } = this.store.state.rules;
    if (!metadata.isAttendanceKept || room.meetingId === "" || room.isBreakout) return;
    const { meetingId } = room;
    if (!this.isReady && (await this.hasKey())) this.meeting = meetingId;
  }

  /** The table, or null when it cannot be had. */
  async table(): Promise<Blob | null> {
    await this.follow();
    return this.isReady ? this.tableOf(this.meeting) : null;
  }

  /** Those of earlier meetings, the latest first; none where there are none for us. */
  async earlier(): Promise<readonly EarlierList[]> {
    if (!(await this.hasKey())) return [];
    const answer = await this.load("earlier");
    const said = (await answer?.json().catch(() => null)) as { meetings?: unknown } | null;
    return Array.isArray(said?.meetings) ? [...(said.meetings as EarlierList[])].reverse() : [];
  }

  async tableOf(meeting: string): Promise<Blob | null> {
    const answer = await this.load(`${encodeURIComponent(meeting)}.csv`);
    return answer ? answer.blob() : null;
  }

  private async hasKey(): Promise<boolean> {
    const seat = this.seat();
    if (this.token !== "") return true;
    if (!seat?.isJoined || !this.store.state.isModerator) return false;
    const key = await seat.connection
      .request("get", this.domain, buildKeyRequest("attendance"))
      .then(parseKey)
      .catch(() => undefined);
    this.token = key?.token ?? "";
    return this.token !== "";
  }

  private async load(path: string): Promise<Response | null> {
    try {
      const headers = { Authorization: `Bearer ${this.token}` };
      const response = await fetch(`${BASE}/${path}`, { headers });
      return response.ok ? response : null;
    } catch {
      return null;
    }
  }
}

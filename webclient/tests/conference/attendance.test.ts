import { afterEach, expect, test, vi } from "vitest";
import { Attendance } from "../../src/conference/attendance";
import type { Seat } from "../../src/conference/seat";
import { Store } from "../../src/conference/store";
import { parseXml } from "../parse-xml";

const KEY = parseXml(
  "<iq type='result'><credentials xmlns='urn:xmpp:extdisco:2'>" +
    "<service password='t' expires='2026-11-22T12:00:00Z'/></credentials></iq>",
);

afterEach(() => vi.unstubAllGlobals());

/** Somebody in a room; `status` is what the server answers to whoever asks for lists. */
function attendanceOf(isModerator: boolean, status: number, body: unknown) {
  const store = new Store();
  vi.spyOn(store, "state", "get").mockReturnValue({ ...store.state, isModerator });
  const request = vi.fn(async () => KEY);
  const fetched = vi.fn(async (_: string) => Response.json(body, { status }));
  vi.stubGlobal("fetch", fetched);
  const seat = { isJoined: true, connection: { request } } as unknown as Seat;
  return { attendance: new Attendance(store, () => seat, "meet.example"), request, fetched };
}

const MEETINGS = [
  { meeting: "a", endedAt: 1, people: 2 },
  { meeting: "b/c", endedAt: 2, people: 3 },
];

test("lists of earlier meetings come latest first, with one key for all of them", async () => {
  const { attendance, request, fetched } = attendanceOf(true, 200, { meetings: MEETINGS });

  expect((await attendance.earlier()).map(({ meeting }) => meeting)).toEqual(["b/c", "a"]);
  await attendance.tableOf("b/c");

  expect(fetched.mock.calls.map(([address]) => address)).toEqual([
    "/attendance/v1/earlier",
    "/attendance/v1/b%2Fc.csv",
  ]);
  expect(request).toHaveBeenCalledTimes(1);
  expect(attendance.isReady).toBe(false); // there is none of this meeting
});

test("who does not lead asks for nothing, and a refusal is no list", async () => {
  const other = attendanceOf(false, 200, { meetings: MEETINGS });
  expect(await other.attendance.earlier()).toEqual([]);
  expect(other.request).not.toHaveBeenCalled();

  expect(await attendanceOf(true, 401, { error: "x" }).attendance.earlier()).toEqual([]);
});

import { describe, expect, test, vi } from "vitest";
import type { Connection } from "../../../src/ui/admin/api";
import { ask, failureOf, roomName, roomPath } from "../../../src/ui/admin/api";
import { reasons, verdict } from "../../../src/ui/admin/quality";

const FINE: Connection = { state: "connected", rtt_ms: 30, loss_up: 0, loss_down: 0 };

describe("a connection", () => {
  test.each<[string, Connection | null, string]>([
    ["nobody tells of", null, "unknown"],
    ["that is new", { state: "new" }, "unknown"],
    ["that is not there yet", { ...FINE, state: "checking" }, "poor"],
    ["without fault", FINE, "good"],
    ["with some loss", { ...FINE, loss_down: 0.03 }, "fair"],
    ["over a long way", { ...FINE, rtt_ms: 250 }, "fair"],
    ["with reduced videos", { ...FINE, reduced: { "your-downlink": 2 } }, "fair"],
    ["that loses much", { ...FINE, loss_up: 0.1 }, "poor"],
  ])("%s", (_, connection, found) => {
    expect(verdict(connection)).toBe(found);
  });

  test("names its reasons, the most frequent first", () => {
    const reduced = { "bridge-busy": 0, "their-uplink": 1, "your-downlink": 3 };
    expect(reasons({ ...FINE, reduced })).toEqual(["your-downlink", "their-uplink"]);
  });
});

describe("the server", () => {
  test("refuses in words we have, or is taken for away", () => {
    expect(failureOf(403, "no-administrator")).toBe("no-administrator");
    expect(failureOf(401, undefined)).toBe("signed-out");
    expect(failureOf(503, "storage")).toBe("unreachable");
  });

  test("is asked with JSON, and its silence is an answer", async () => {
    const fetched = vi.fn(async () => Response.json({ error: "wrong" }, { status: 401 }));
    vi.stubGlobal("fetch", fetched);
    expect(await ask("POST", "session", { name: "ana" })).toEqual({
      ok: false,
      failure: "wrong",
      hasSignIn: false,
    });
    expect(fetched).toHaveBeenCalledWith(
      "/admin/api/session",
      expect.objectContaining({
        body: '{"name":"ana"}',
        headers: { "Content-Type": "application/json" },
      }),
    );
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
    expect(await ask("GET", "rooms")).toEqual({
      ok: false,
      failure: "unreachable",
      hasSignIn: false,
    });
    vi.unstubAllGlobals();
  });
});

test("the name of a room stands twice encoded in a path, and as people write it on the page", () => {
  expect(roomPath("plaza%20mayor", "people", "a/b")).toBe("rooms/plaza%2520mayor/people/a%2Fb");
  expect(roomName("plaza%20mayor")).toBe("plaza mayor");
  expect(roomName("100%")).toBe("100%");
});

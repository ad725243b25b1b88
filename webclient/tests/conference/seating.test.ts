import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Seating, type SeatingEvents } from "../../src/conference/seating";
import { Store } from "../../src/conference/store";
import type { SiteConfig } from "../../src/protocol/config";
import type { ConnectionEvents } from "../../src/protocol/connection";

const made = vi.hoisted((): { all: FakeConnection[] } => ({ all: [] }));

interface FakeConnection {
  readonly events: ConnectionEvents;
  isInterrupted: boolean;
  readonly connect: ReturnType<typeof vi.fn>;
  readonly disconnect: ReturnType<typeof vi.fn>;
  readonly resumeNow: ReturnType<typeof vi.fn>;
}

// Needs a browser.
vi.mock("strophe.js", () => ({ Strophe: {} }));
vi.mock("../../src/protocol/connection", () => ({
  XmppConnection: class {
    isInterrupted = false;
    sessionId = "";
    connect = vi.fn();
    resumeNow = vi.fn();
    disconnect = vi.fn(() => this.events.disconnected("closed", ""));
    // Nobody answers anything here.
    request = (): Promise<never> => new Promise(() => undefined);
    constructor(
      _service: unknown,
      readonly events: ConnectionEvents,
    ) {
      made.all.push(this as unknown as FakeConnection);
    }
  },
}));

const newest = (): FakeConnection => made.all.at(-1)!;

beforeEach(() => {
  made.all = [];
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function onTheWay() {
  const store = new Store();
  const events: SeatingEvents = {
    connected: vi.fn(),
    entering: vi.fn(),
    resumed: vi.fn(),
    stanza: vi.fn(),
    tracksChanged: vi.fn(),
    failed: vi.fn(),
  };
  const config = {
    websocket: "wss://x",
    bosh: "",
    domain: "x",
    guestDomain: "g",
    focus: "focus.x",
  };
  const seating = new Seating(store, config as unknown as SiteConfig, "plaza@muc.x", "", events);
  store.dispatch({ kind: "connecting", room: "plaza", displayName: "Ana" });
  seating.connect();
  return { store, seating, events };
}

test("whoever gets no answer on the way in is told within seconds, and we go on trying", () => {
  const { store, events } = onTheWay();
  vi.advanceTimersByTime(2_000);
  expect(store.state.isServerSilent).toBe(false);
  vi.advanceTimersByTime(5_000);
  expect(store.state.isServerSilent).toBe(true);

  for (let attempt = 2; attempt < 12; attempt++) {
    newest().events.disconnected("unreachable", "");
    vi.advanceTimersByTime(20_000);
    expect(made.all).toHaveLength(attempt);
  }
  expect(events.failed).not.toHaveBeenCalled();
  expect(store.state.phase).toBe("connecting");
});

test("as soon as the server answers nothing is said any more", () => {
  const { store } = onTheWay();
  vi.advanceTimersByTime(7_000);
  newest().events.connected("ana@x/1");
  expect(store.state.isServerSilent).toBe(false);
  vi.advanceTimersByTime(60_000);
  expect(store.state.isServerSilent).toBe(false);
});

test("whoever waits at the door is told as well when the way there breaks", () => {
  const { store } = onTheWay();
  newest().events.connected("ana@x/1");
  store.dispatch({ kind: "knocking", waitsForHost: false });
  newest().events.interrupted(1);
  vi.advanceTimersByTime(7_000);
  expect(store.state).toMatchObject({ phase: "knocking", isServerSilent: true });
  newest().events.resumed();
  expect(store.state).toMatchObject({ phase: "knocking", isServerSilent: false });
});

test("to try now ends the pause, and an attempt that hangs", () => {
  const { seating } = onTheWay();
  newest().events.disconnected("unreachable", "");
  seating.tryNow();
  expect(made.all).toHaveLength(2);

  const hanging = newest();
  seating.tryNow();
  expect(hanging.disconnect).toHaveBeenCalled();
  expect(made.all).toHaveLength(3);
  vi.advanceTimersByTime(5_000);
  expect(made.all).toHaveLength(3);

  newest().isInterrupted = true;
  seating.tryNow();
  expect(newest().resumeNow).toHaveBeenCalled();
  expect(made.all).toHaveLength(3);
});

test("a server that says no is not asked again", () => {
  const { events } = onTheWay();
  newest().events.disconnected("refused", "no account");
  vi.advanceTimersByTime(60_000);
  expect(events.failed).toHaveBeenCalledWith("refused", "no account");
  expect(made.all).toHaveLength(1);
});

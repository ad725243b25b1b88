import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BridgeLink } from "../../src/conference/bridge-link";

class FakeSocket {
  static readonly OPEN = 1;
  static made: FakeSocket[] = [];
  readyState = 0;
  readonly sent: string[] = [];
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: () => void = () => undefined;
  isClosed = false;

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }

  send(message: string): void {
    this.sent.push(message);
  }

  close(): void {
    this.isClosed = true;
  }

  opens(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen();
  }

  breaks(): void {
    this.readyState = 3;
    this.onclose();
  }
}

const newest = (): FakeSocket => FakeSocket.made.at(-1)!;

beforeEach(() => {
  FakeSocket.made = [];
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("WebSocket", FakeSocket);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function link() {
  const opened = vi.fn();
  const heard = vi.fn();
  const refused = vi.fn();
  return { link: new BridgeLink("wss://bridge", opened, heard, refused), opened, heard, refused };
}

test("a channel that is lost comes back, for a start at the latest after five seconds", () => {
  const { opened } = link();
  newest().opens();
  for (let round = 0; round < 8; round++) {
    const before = FakeSocket.made.length;
    newest().breaks();
    vi.advanceTimersByTime(5_000);
    expect(FakeSocket.made).toHaveLength(before + 1);
  }
  newest().opens();
  expect(opened).toHaveBeenCalledTimes(2);
});

test("a bridge that refuses it again and again is asked once a minute, and that is told once", () => {
  const { refused } = link();
  for (let round = 0; round < 8; round++) {
    newest().breaks();
    vi.advanceTimersByTime(5_000);
  }
  expect(refused).toHaveBeenCalledTimes(1);
  const before = FakeSocket.made.length;
  for (let minute = 0; minute < 10; minute++) {
    if (newest().readyState === 0) newest().breaks();
    vi.advanceTimersByTime(60_000);
  }
  const made = FakeSocket.made.length - before;
  expect(made).toBeGreaterThanOrEqual(6);
  expect(made).toBeLessThanOrEqual(14);
  expect(refused).toHaveBeenCalledTimes(1);
});

test("it waits less each time it had worked", () => {
  link();
  for (let round = 0; round < 6; round++) {
    newest().breaks();
    vi.advanceTimersByTime(5_000);
  }
  newest().opens();
  newest().breaks();
  const before = FakeSocket.made.length;
  vi.advanceTimersByTime(700);
  expect(FakeSocket.made).toHaveLength(before + 1);
});

test("when the server is back the channel is asked for at once, not after the pause", () => {
  const { link: channel, opened } = link();
  for (let round = 0; round < 5; round++) {
    newest().breaks();
    vi.advanceTimersByTime(5_000);
  }
  newest().breaks();
  const before = FakeSocket.made.length;
  channel.renew();
  expect(FakeSocket.made).toHaveLength(before + 1);
  newest().opens();
  expect(opened).toHaveBeenCalledTimes(1);
  // The pause of before leads to nothing more.
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.made).toHaveLength(before + 1);
});

test("a socket of before is not trusted, and no longer listened to", () => {
  const { link: channel, heard, opened } = link();
  const former = newest();
  former.opens();
  channel.renew();
  expect(former.isClosed).toBe(true);
  newest().opens();
  channel.send("constraints");
  expect(newest().sent).toEqual(["constraints"]);
  former.onmessage({
    data: '{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"a"}',
  });
  former.breaks();
  vi.advanceTimersByTime(60_000);
  expect(heard).not.toHaveBeenCalled();
  expect(opened).toHaveBeenCalledTimes(2);
  expect(FakeSocket.made).toHaveLength(2);
});

test("a closed channel stays closed", () => {
  const { link: channel } = link();
  newest().opens();
  channel.close();
  newest().breaks();
  channel.renew();
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.made).toHaveLength(1);
});

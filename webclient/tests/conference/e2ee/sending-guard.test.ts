import { beforeEach, describe, expect, test, vi } from "vitest";
import type { FramePipes } from "../../../src/conference/e2ee/frame-pipes";
import { type Sending, SendingGuard } from "../../../src/conference/e2ee/sending-guard";

const sender = (): RTCRtpSender => ({}) as RTCRtpSender;
const never = new Promise<void>(() => undefined);

let packets: Record<string, number>;
let seen: Map<RTCRtpSender, number>;
let isWanted: boolean;
const released = vi.fn();
const stopped = vi.fn();

const pc = {
  getStats: async () =>
    new Map(
      Object.entries(packets).map(([mid, packetsSent]) => [
        mid,
        { id: mid, type: "outbound-rtp", kind: "audio", mid, packetsSent },
      ]),
    ) as unknown as RTCStatsReport,
};

const pipes = {
  count: async () => (each: RTCRtpSender) => seen.get(each) ?? 0,
} as unknown as FramePipes;

beforeEach(() => {
  packets = {};
  seen = new Map();
  isWanted = true;
  released.mockClear();
  stopped.mockClear();
});

function guarded(...senders: RTCRtpSender[]) {
  const guard = new SendingGuard(pc, { released, stopped });
  const sendings = (): Sending[] =>
    senders.map((each, index) => ({
      mid: String(index),
      sender: each,
      slot: { kind: "audio", index },
      isWanted,
    }));
  return { guard, look: () => guard.look(pipes, sendings) };
}

describe("a sender has no track", () => {
  test("before its pipe runs", async () => {
    const voice = sender();
    const { guard } = guarded(voice);
    let runs: () => void = () => undefined;
    guard.expect(
      voice,
      new Promise((resolve) => {
        runs = resolve;
      }),
    );
    expect(guard.holds(voice)).toBe(true);
    expect(released).not.toHaveBeenCalled();
    runs();
    await vi.waitFor(() => expect(released).toHaveBeenCalledTimes(1));
    expect(guard.holds(voice)).toBe(false);
  });

  test("when nobody has asked for a pipe", () => {
    expect(guarded().guard.holds(sender())).toBe(true);
  });

  test("once it has sent what the worker never saw, until the connection ends", async () => {
    const [voice, other] = [sender(), sender()];
    const { guard, look } = guarded(voice, other);
    guard.expect(voice, Promise.resolve());
    guard.expect(other, Promise.resolve());
    await Promise.resolve();
    for (let second = 0; second < 5; second++) {
      packets = { 0: second * 50, 1: second * 50 };
      seen.set(other, second * 50);
      await look();
    }
    expect([guard.holds(voice), guard.holds(other)]).toEqual([true, false]);
    expect(stopped).toHaveBeenCalledWith({ kind: "audio", index: 0 });
    expect(stopped).not.toHaveBeenCalledWith({ kind: "audio", index: 1 });
    // Encryption is switched off and on: the browser is still the same.
    guard.rest();
    await look();
    expect(guard.holds(voice)).toBe(true);
  });
});

describe("the person hears of it", () => {
  test("when the pipe does not come, after some patience", async () => {
    const voice = sender();
    const { guard, look } = guarded(voice);
    guard.expect(voice, never);
    for (let second = 0; second < 5; second++) await look();
    expect(stopped).not.toHaveBeenCalled();
    await look();
    expect(stopped).toHaveBeenCalledTimes(1);
  });

  test("only while they want to send", async () => {
    const voice = sender();
    const { guard, look } = guarded(voice);
    guard.expect(voice, never);
    isWanted = false;
    for (let second = 0; second < 10; second++) await look();
    expect(stopped).not.toHaveBeenCalled();
    isWanted = true;
    await look();
    expect(stopped).toHaveBeenCalled();
  });
});

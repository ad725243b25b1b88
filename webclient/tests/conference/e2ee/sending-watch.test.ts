import { describe, expect, test } from "vitest";
import { type OutboundReport, SendingWatch } from "../../../src/conference/e2ee/sending-watch";

const picture = (id: string, framesSent: number): OutboundReport => ({
  id,
  kind: "video",
  framesSent,
  packetsSent: framesSent * 4,
});

const sound = (packetsSent: number, retransmittedPacketsSent = 0): OutboundReport => ({
  id: "sound",
  kind: "audio",
  packetsSent,
  retransmittedPacketsSent,
});

/** The first look, from 1, that notices; 0 when none does. */
function noticed(looks: readonly (readonly [readonly OutboundReport[], number])[]): number {
  const watch = new SendingWatch();
  return looks.findIndex(([reports, seen]) => watch.leaks(reports, seen)) + 1;
}

const seconds = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("what passes the worker may be sent", () => {
  test("for an hour, whatever is on its way when both sides are asked", () => {
    // The worker is ahead by what came between the two questions: more or less each time.
    const looks = seconds(3_600).map(
      (at) => [[picture("a", at * 25), picture("b", at * 25)], at * 50 + ((at * 7) % 23)] as const,
    );
    expect(noticed(looks)).toBe(0);
  });

  test("also when layers stop and others begin, and counters go with them", () => {
    const looks = seconds(60).map((at) => {
      const layer = picture(at < 30 ? "a" : "b", at < 30 ? at * 25 : (at - 29) * 25);
      return [[layer], (at + (at < 30 ? 0 : 1)) * 25] as const;
    });
    expect(noticed(looks)).toBe(0);
  });

  test("and what it drops for want of a key need not be sent", () => {
    expect(noticed(seconds(30).map((at) => [[sound(0)], at * 50] as const))).toBe(0);
  });

  test("packets that are repeated are no new frames", () => {
    expect(noticed(seconds(60).map((at) => [[sound(at * 70, at * 20)], at * 50] as const))).toBe(0);
  });

  test("counting begins with the first look: before it nothing had to pass", () => {
    expect(noticed(seconds(60).map((at) => [[sound(9_000 + at * 50)], at * 50] as const))).toBe(0);
  });

  test("a worker that was late for a second is not one that was passed by", () => {
    const late = seconds(60).map(
      (at) => [[picture("a", at * 25)], (at === 20 ? 19 : at) * 25] as const,
    );
    expect(noticed(late)).toBe(0);
  });
});

describe("what goes another way is noticed", () => {
  test.each([
    ["a voice", (at: number) => sound(at * 50)],
    ["a camera", (at: number) => picture("a", at * 25)],
    ["a screen that hardly moves", (at: number) => picture("a", at * 5)],
  ])("%s that passes nothing, at the third count", (_, report) => {
    expect(noticed(seconds(10).map((at) => [[report(at)], 0] as const))).toBe(4);
  });

  test("one layer of three", () => {
    const layers = (at: number) => ["a", "b", "c"].map((id) => picture(id, at * 25));
    const when = noticed(seconds(30).map((at) => [layers(at), at * 50] as const));
    expect(when).toBeGreaterThan(0);
    expect(when).toBeLessThanOrEqual(9);
  });

  test("one frame in ten, sooner or later", () => {
    expect(noticed(seconds(60).map((at) => [[sound(at * 50)], at * 45] as const))).toBeGreaterThan(
      0,
    );
  });

  test("also after an hour in which the worker dropped half", () => {
    const looks = [
      ...seconds(3_600).map((at) => [[sound(at * 25)], at * 50] as const),
      ...seconds(10).map((at) => [[sound(3_599 * 25 + at * 50)], 3_599 * 50] as const),
    ];
    expect(noticed(looks)).toBe(3_600 + 4);
  });
});

import { describe, expect, test } from "vitest";
import type { Effect } from "../../src/conference/effects/choice";
import { Pace } from "../../src/conference/effects/pace";
import { EffectSlot } from "../../src/conference/effects/slot";

const track = (id: string): MediaStreamTrack => ({ id }) as unknown as MediaStreamTrack;

/** An effect that starts when the test says so. */
function delayed(closed: string[] = []) {
  const starts: (() => void)[] = [];
  const make = (input: MediaStreamTrack): Promise<Effect> =>
    new Promise((resolve) => {
      starts.push(() =>
        resolve({ track: track(`${input.id}'`), close: () => closed.push(input.id) }),
      );
    });
  return { make, starts };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("one effect on one device", () => {
  test("nothing comes out before it has begun", async () => {
    const slot = new EffectSlot(() => undefined);
    const { make, starts } = delayed();
    void slot.follow(track("a"));
    void slot.want(make);
    expect([slot.status, slot.output]).toEqual(["starting", null]);
    starts[0]!();
    await settled();
    expect([slot.status, slot.output?.id]).toEqual(["on", "a'"]);
  });

  test("a track that went away meanwhile gets none", async () => {
    const closed: string[] = [];
    const slot = new EffectSlot(() => undefined);
    const { make, starts } = delayed(closed);
    void slot.want(make);
    void slot.follow(track("a"));
    void slot.follow(null);
    starts[0]!();
    await settled();
    expect([slot.status, slot.output, closed]).toEqual(["off", null, ["a"]]);
  });

  test("why it was given up can still be read when the device is off", async () => {
    const slot = new EffectSlot(() => undefined);
    void slot.want(() => Promise.reject(new Error("no canvas")));
    await slot.follow(track("a"));
    expect(slot.status).toBe("failed");
    await slot.follow(null);
    expect(slot.status).toBe("failed");
    await slot.want(null);
    expect(slot.status).toBe("off");
  });

  test("another device gets the same effect", async () => {
    const slot = new EffectSlot(() => undefined);
    const { make, starts } = delayed();
    void slot.want(make);
    void slot.follow(track("a"));
    void slot.follow(track("b"));
    for (const start of starts) start();
    await settled();
    expect(slot.output?.id).toBe("b'");
  });
});

describe("a machine that is too slow", () => {
  const limits = { frameMs: 50, frames: 4, warmUp: 2 };
  const firstTooSlow = (times: readonly number[]): number => {
    const pace = new Pace(limits);
    return times.findIndex((time) => pace.isTooSlow(time));
  };

  test.each([
    ["the first frames say nothing", [900, 900, 10, 10, 10, 10, 10], -1],
    ["one slow frame is no slow machine", [10, 10, 10, 10, 120, 10, 10, 10], -1],
    ["slow for long enough is", [10, 10, 60, 60, 60, 60], 5],
    ["slow later, too", [10, 10, 10, 10, 10, 10, 90, 90, 90], 8],
  ])("%s", (_, times, found) => {
    expect(firstTooSlow(times)).toBe(found);
  });
});

import { describe, expect, test } from "vitest";
import { ECHO_SAMPLE_MS, EchoWatch, echoIn } from "../../src/conference/echo";
import type { Seat } from "../../src/conference/seat";
import { Store } from "../../src/conference/store";

const WINDOW_S = 8;
type Sound = (s: number) => number;

/** Numbers from 0 to 1 that are the same in every run. */
function dice(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Loudness of somebody who talks: syllables, gaps between words, pauses to breathe. */
function speech(seed: number, seconds = 120): Sound {
  const roll = dice(seed);
  const syllables: { from: number; to: number; level: number }[] = [];
  for (let at = roll(); at < seconds; ) {
    const length = 0.08 + 0.2 * roll();
    syllables.push({ from: at, to: at + length, level: 0.04 + 0.4 * roll() });
    at += length + 0.02 + 0.12 * roll() + (roll() < 0.12 ? 0.4 + 1.2 * roll() : 0);
  }
  return (s) => {
    const now = syllables.find(({ from, to }) => s >= from && s < to);
    if (!now) return 0;
    const middle = (now.from + now.to) / 2;
    const reach = (now.to - now.from) / 2;
    return now.level * (1 - 0.7 * Math.abs((s - middle) / reach));
  };
}

/** What is sampled in one window, with a clock that is never quite on time. */
function sampled(heard: Sound, own: Sound, fromS: number): { heard: number[]; own: number[] } {
  const roll = dice(fromS + 1);
  const times = Array.from(
    { length: (WINDOW_S * 1000) / ECHO_SAMPLE_MS },
    (_, index) => fromS + (index * ECHO_SAMPLE_MS) / 1000 + 0.012 * roll(),
  );
  return { heard: times.map(heard), own: times.map(own) };
}

const noise = (seed: number): Sound => {
  const roll = dice(seed);
  return () => 0.002 + 0.002 * roll();
};
const sum =
  (...sounds: Sound[]): Sound =>
  (s) =>
    sounds.reduce((all, each) => all + each(s), 0);
const echoOf =
  (sound: Sound, delayS: number, share: number): Sound =>
  (s) =>
    share * sound(s - delayS);
const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

function found(heard: (seed: number) => Sound, own: (seed: number) => Sound): number {
  return seeds.filter((seed) => {
    const window = sampled(heard(seed), own(seed), 8);
    return echoIn(window.heard, window.own) === "echo";
  }).length;
}

describe("an echo is noticed", () => {
  test.each([
    [0.06, 0.3],
    [0.18, 0.15],
    [0.33, 0.3],
    [0.45, 0.6],
  ])("%f s late, with a share of %f", (delayS, share) => {
    const own = (seed: number): Sound => sum(echoOf(speech(seed), delayS, share), noise(seed));
    expect(found(speech, own)).toBeGreaterThan(36);
  });

  test("also when only three quarters of what was said come back", () => {
    const own = (seed: number): Sound => {
      const isCancelled = speech(seed + 500);
      const echo = echoOf(speech(seed), 0.2, 0.3);
      return sum((s) => (isCancelled(s) > 0.25 ? 0 : echo(s)), noise(seed));
    };
    expect(found(speech, own)).toBeGreaterThan(25);
  });
});

describe("none is made up", () => {
  test("of two who talk at once", () => {
    expect(found(speech, (seed) => sum(speech(seed + 1000), noise(seed)))).toBeLessThan(2);
  });

  test("of a microphone in which nothing but noise is", () => {
    expect(found(speech, noise)).toBe(0);
  });

  test("of what comes before it was heard: two laptops in one room hear the same voice", () => {
    expect(found(speech, (seed) => echoOf(speech(seed), -0.8, 0.5))).toBe(0);
  });

  test("of sounds that repeat themselves", () => {
    const beeps =
      (offsetS: number): Sound =>
      (s) =>
        (s + offsetS) % 1 < 0.2 ? 0.3 : 0.001;
    expect(
      found(
        () => beeps(0),
        (seed) => beeps(seed / 40),
      ),
    ).toBe(0);
  });
});

let asked = 0;

/** What a person reads within a minute; the page is called back every `everyMs`. */
function noticesIn(heard: Sound, own: Sound, everyMs = ECHO_SAMPLE_MS): string[] {
  const store = new Store();
  store.dispatch({ kind: "joined", at: 0 });
  const local = { microphone: "on", camera: "off", share: "off", shareHasSound: false } as const;
  store.dispatch({ kind: "local-media-changed", local });
  store.dispatch({
    kind: "endpoint-changed",
    at: 0,
    participant: {
      id: "bea",
      displayName: "Bea",
      realJid: "",
      isModerator: false,
      sources: {},
      raisedHandAt: null,
      isReachable: true,
    },
  });
  store.dispatch({ kind: "speaking-changed", endpoints: ["bea"] });
  let s = 0;
  const media = {
    audioLevels: () => {
      asked += 1;
      return new Map([["bea", heard(s)]]);
    },
  };
  const watch = new EchoWatch(store, () => own(s));
  const before = store.state.notices.length;
  for (; s < 60; s += everyMs / 1000) watch.listen({ media } as unknown as Seat, s * 1000);
  return store.state.notices.slice(before).map(({ kind }) => kind);
}

test("whoever makes one is told, once", () => {
  const said = speech(3);
  expect(noticesIn(said, sum(echoOf(said, 0.2, 0.3), noise(1)))).toEqual(["echo"]);
  expect(noticesIn(said, sum(speech(77), noise(1)))).toEqual([]);
});

test("also when the delay settles only after a while", () => {
  const said = speech(3);
  const settling: Sound = (s) => 0.3 * said(s - (s < 17 ? 0.2 + (s - 8) / 12 : 0.25));
  expect(noticesIn(said, sum(settling, noise(1)))).toEqual(["echo"]);
});

test("nobody is asked how loud they are while nothing comes from the microphone", () => {
  asked = 0;
  expect(noticesIn(speech(3), noise(1))).toEqual([]);
  expect(asked).toBe(0);
});

test("a page that is called too rarely does not guess", () => {
  const said = speech(3);
  expect(noticesIn(said, echoOf(said, 0.2, 0.3), 4 * ECHO_SAMPLE_MS)).toEqual([]);
});

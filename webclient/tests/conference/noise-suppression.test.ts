/** The audio worklet that is shipped, with its model, as a browser runs it: 128 samples at a time. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { fan, hiss, levelDb, RATE_HZ, words } from "./speech-like";

const PACKAGE = "@sapphi-red/web-noise-suppressor";
const QUANTUM = 128;
const SECONDS = 9;
/** The network listens for a while before it knows what is noise. */
const SETTLED_S = 2;

interface Processor {
  readonly processor: unknown;
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

type ProcessorClass = new (options: { processorOptions: object }) => Processor;

let Registered: ProcessorClass;

beforeAll(async () => {
  vi.stubGlobal(
    "AudioWorkletProcessor",
    class {
      readonly port = new EventTarget();
    },
  );
  vi.stubGlobal("registerProcessor", (_name: string, made: ProcessorClass) => {
    Registered = made;
  });
  await import("@sapphi-red/web-noise-suppressor/rnnoiseWorklet.js");
});

afterAll(() => vi.unstubAllGlobals());

/** There is nothing of Node's in the scope of a worklet; the model's loader looks for it. */
function asInAudioThread<T>(make: () => T): T {
  const { process } = globalThis;
  Reflect.set(globalThis, "process", undefined);
  try {
    return make();
  } finally {
    Reflect.set(globalThis, "process", process);
  }
}

async function suppressed(sound: Float32Array, model: string): Promise<Float32Array> {
  const code = readFileSync(createRequire(import.meta.url).resolve(`${PACKAGE}/${model}`));
  const wasmBinary = code.buffer.slice(code.byteOffset, code.byteOffset + code.byteLength);
  const worklet = asInAudioThread(
    () => new Registered({ processorOptions: { maxChannels: 1, wasmBinary } }),
  );
  await vi.waitFor(() => expect(worklet.processor).toBeDefined());
  const out = new Float32Array(sound.length);
  for (let at = 0; at + QUANTUM <= sound.length; at += QUANTUM) {
    worklet.process([[sound.subarray(at, at + QUANTUM)]], [[out.subarray(at, at + QUANTUM)]]);
  }
  return out;
}

const level = (sound: Float32Array, what: "words" | "pauses"): number =>
  levelDb(sound, what, SETTLED_S);

test.each([
  { name: "a fan", behind: fan, model: "rnnoise.wasm" },
  { name: "hiss", behind: hiss, model: "rnnoise_simd.wasm" },
])("$name goes, the voice stays ($model)", async ({ behind, model }) => {
  const voice = words(SECONDS);
  const noise = behind(SECONDS, 0.01);
  const heard = voice.map((value, at) => value + noise[at]!);
  expect(heard).toHaveLength(SECONDS * RATE_HZ);

  const out = await suppressed(heard, model);

  // Measured: 20 dB of the fan, 22 dB of the hiss; words 0.1 dB (docs/performance.md).
  expect(level(heard, "pauses") - level(out, "pauses")).toBeGreaterThan(15);
  expect(Math.abs(level(heard, "words") - level(out, "words"))).toBeLessThan(1);
});

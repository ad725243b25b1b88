/** Sounds made by arithmetic: words of a voice, and what stands behind them. */

export const RATE_HZ = 48_000;
export const WORD_S = 0.8;
export const PAUSE_S = 0.6;

/** The same numbers in every run, evenly spread from -1 to 1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** First three resonances of vowels, in Hz (Peterson and Barney 1952, men). */
const VOWELS = [
  [730, 1_090, 2_440],
  [270, 2_290, 3_010],
  [570, 840, 2_410],
  [530, 1_840, 2_480],
  [300, 870, 2_240],
] as const;
const BANDWIDTHS_HZ = [80, 100, 140] as const;
const SYLLABLE_S = 0.2;

function strength(hz: number, vowel: readonly number[]): number {
  const resonance = vowel.reduce((sum, formant, index) => {
    const off = (hz - formant) / BANDWIDTHS_HZ[index]!;
    return sum + 1 / (1 + off * off) / (index + 1);
  }, 0.003);
  return resonance / Math.sqrt(hz / 100);
}

/** Words with pauses between them: a buzz whose pitch falls, shaped by one vowel per syllable. */
export function words(seconds: number): Float32Array {
  const sound = new Float32Array(seconds * RATE_HZ);
  let phase = 0;
  let weights: number[] = [];
  for (let at = 0; at < sound.length; at++) {
    const second = at / RATE_HZ;
    const inWord = second % (WORD_S + PAUSE_S);
    if (inWord >= WORD_S) continue;
    const syllable = Math.floor(second / SYLLABLE_S);
    const pitch = 135 - 30 * (inWord / WORD_S) + 3 * Math.sin(second * 31);
    if (weights.length === 0 || at % 480 === 0) {
      const vowel = VOWELS[syllable % VOWELS.length]!;
      weights = Array.from({ length: 28 }, (_, index) => strength(pitch * (index + 1), vowel));
    }
    phase += (2 * Math.PI * pitch) / RATE_HZ;
    const loud = Math.sin((Math.PI * (inWord % SYLLABLE_S)) / SYLLABLE_S) ** 0.5;
    // sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x)
    const twice = 2 * Math.cos(phase);
    let [buzz, last, next] = [0, 0, Math.sin(phase)];
    for (const weight of weights) {
      buzz += weight * next;
      [last, next] = [next, twice * next - last];
    }
    sound[at] = buzz * loud;
  }
  return scaled(sound, 0.1);
}

/** An air conditioner: a rush without highs, and the hum of the mains. */
export function fan(seconds: number, level: number): Float32Array {
  const next = noise(7);
  let low = 0;
  const sound = Float32Array.from({ length: seconds * RATE_HZ }, (_, at) => {
    low += 0.06 * (next() - low);
    return low + 0.02 * Math.sin((2 * Math.PI * 100 * at) / RATE_HZ);
  });
  return scaled(sound, level);
}

export function hiss(seconds: number, level: number): Float32Array {
  const next = noise(11);
  return scaled(
    Float32Array.from({ length: seconds * RATE_HZ }, () => next()),
    level,
  );
}

/** `level` is the root mean square, 1 being full scale; silence does not count. */
function scaled(sound: Float32Array, level: number): Float32Array {
  const loud = sound.filter((value) => value !== 0);
  const factor = level / Math.sqrt(energy(loud) / loud.length);
  return sound.map((value) => value * factor);
}

function energy(sound: Float32Array): number {
  return sound.reduce((sum, value) => sum + value * value, 0);
}

/** Level in dB (full scale) of all words, or of all pauses, from `fromS` on; their edges are left out. */
export function levelDb(sound: Float32Array, what: "words" | "pauses", fromS: number): number {
  const edgeS = 0.1;
  const parts: number[] = [];
  for (
    let start = 0;
    (start + WORD_S + PAUSE_S) * RATE_HZ <= sound.length;
    start += WORD_S + PAUSE_S
  ) {
    if (start < fromS) continue;
    const [begin, end] =
      what === "words" ? [start, start + WORD_S] : [start + WORD_S, start + WORD_S + PAUSE_S];
    const part = sound.subarray((begin + edgeS) * RATE_HZ, (end - edgeS) * RATE_HZ);
    parts.push(energy(part) / part.length);
  }
  return 10 * Math.log10(parts.reduce((sum, each) => sum + each, 0) / parts.length);
}

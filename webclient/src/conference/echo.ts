/**
 * Whether one's own microphone says again what others say: their loudness comes back in it, a
 * moment later. Only here can that be seen; the others hear themselves and cannot tell through whom.
 */
import type { Seat } from "./seat";
import type { Store } from "./store";

export const ECHO_SAMPLE_MS = 50;
const WINDOW = 160;
/** A window took this much longer than it should: the page was busy, and its samples lie. */
const LATE = 1.25;
/** Loudspeaker, air, microphone and the browser's own cancelling: at most half a second. */
const LONGEST_ECHO = 10;
/** Sounds that repeat themselves are alike at many distances; an echo is alike at one. */
const LONGEST_COMPARED = 30;
const WIDTH_OF_AN_ECHO = 7;
const ALIKE = 0.65;
const ALIKE_ELSEWHERE = 0.25;
/** Less alike than this is nothing at all; between the two it is listened to for longer. */
const PERHAPS = 0.4;
/** One window may be chance. */
const ENOUGH_ECHOES = 2;
const MOST_WINDOWS = 5;
const LOUD = 0.02;
const AUDIBLE = 0.01;
const ENOUGH_HEARD = 40;
const ENOUGH_AUDIBLE = 20;
/** Until it is looked again. */
const AFTER_NONE_MS = 30_000;
const AFTER_TOLD_MS = 300_000;

/** As ears hear it: ten times as loud is one step. Smoothed, because no two clocks tick together. */
function loudness(levels: readonly number[]): number[] {
  const steps = levels.map((level) => Math.log10(level + 0.003));
  return steps.map((_, index) => {
    const around = steps.slice(Math.max(0, index - 1), index + 2);
    return around.reduce((sum, each) => sum + each, 0) / around.length;
  });
}

/** Pearson's correlation of what is heard with what is said `lag` samples later; 0 for silence. */
function likeness(heard: readonly number[], own: readonly number[], lag: number): number {
  const from = Math.max(0, -lag);
  const count = Math.min(heard.length, own.length - lag) - from;
  let [sumX, sumY, sumXX, sumYY, sumXY] = [0, 0, 0, 0, 0];
  for (let index = from; index < from + count; index++) {
    const x = heard[index]!;
    const y = own[index + lag]!;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumYY += y * y;
    sumXY += x * y;
  }
  const spread = (sumXX - (sumX * sumX) / count) * (sumYY - (sumY * sumY) / count);
  return spread <= 1e-9 ? 0 : (sumXY - (sumX * sumY) / count) / Math.sqrt(spread);
}

/**
 * What is in the levels of one window, 0 to 1, `ECHO_SAMPLE_MS` apart. While delays settle, as in
 * the first seconds of a conversation, an echo is but perhaps one.
 */
export function echoIn(
  heard: readonly number[],
  own: readonly number[],
): "echo" | "perhaps" | "none" {
  if (heard.filter((level) => level > LOUD).length < ENOUGH_HEARD) return "none";
  if (own.filter((level) => level > AUDIBLE).length < ENOUGH_AUDIBLE) return "none";
  const [said, came] = [loudness(heard), loudness(own)];
  const at = new Map<number, number>();
  for (let lag = -LONGEST_COMPARED; lag <= LONGEST_COMPARED; lag++) {
    at.set(lag, likeness(said, came, lag));
  }
  const lags = [...at.keys()];
  const peak = lags
    .filter((lag) => lag >= 0 && lag <= LONGEST_ECHO)
    .reduce((best, lag) => (at.get(lag)! > at.get(best)! ? lag : best));
  const elsewhere = lags.filter((lag) => Math.abs(lag - peak) > WIDTH_OF_AN_ECHO);
  const second = Math.max(...elsewhere.map((lag) => at.get(lag)!));
  const likest = at.get(peak)!;
  if (likest >= ALIKE && likest - second >= ALIKE_ELSEWHERE) return "echo";
  return likest >= PERHAPS ? "perhaps" : "none";
}

export class EchoWatch {
  /** While others speak: how often it was looked, and how often something was in the microphone. */
  private looks = 0;
  private audible = 0;
  private window: { heard: number[]; own: number[]; began: number } | null = null;
  private echoes = 0;
  private windows = 0;
  private restsUntil = 0;

  /** `ownLevel`: of the microphone as it is sent, 0 to 1; null while there is none. */
  constructor(
    private readonly store: Store,
    private readonly ownLevel: () => number | null,
  ) {}

  /** To be called every `ECHO_SAMPLE_MS`. */
  listen(seat: Seat | null, now = Date.now()): void {
    const { phase, local, participants, speaking, ownId } = this.store.state;
    const isOpen = phase === "joined" && local.microphone === "on" && participants.length > 0;
    const own = isOpen && seat?.media && now >= this.restsUntil ? this.ownLevel() : null;
    if (!seat?.media || own === null) {
      this.rest(this.restsUntil);
      return;
    }
    const others = speaking.filter((id) => id !== ownId);
    if (!this.window) {
      this.suspect(others.length > 0, own, now);
      return;
    }
    // Each question waits for another thread: it is asked on suspicion only, about who speaks.
    const levels = others.length > 0 ? seat.media.audioLevels((id) => others.includes(id)) : null;
    this.window.heard.push(Math.max(0, ...(levels?.values() ?? [])));
    this.window.own.push(own);
    if (this.window.heard.length >= WINDOW) this.judge(this.window, now);
  }

  private suspect(isHearing: boolean, own: number, now: number): void {
    if (!isHearing) return;
    this.looks += 1;
    if (own > AUDIBLE) this.audible += 1;
    if (this.looks < WINDOW) return;
    if (this.audible >= ENOUGH_AUDIBLE) this.window = { heard: [], own: [], began: now };
    this.looks = 0;
    this.audible = 0;
  }

  private judge({ heard, own, began }: NonNullable<EchoWatch["window"]>, now: number): void {
    const isOnTime = now - began <= WINDOW * ECHO_SAMPLE_MS * LATE;
    const found = isOnTime ? echoIn(heard, own) : "none";
    this.windows += 1;
    if (found === "echo") this.echoes += 1;
    if (this.echoes >= ENOUGH_ECHOES) {
      this.store.notice("echo");
      this.rest(now + AFTER_TOLD_MS);
    } else if (found === "none" || this.windows >= MOST_WINDOWS) {
      this.rest(now + AFTER_NONE_MS);
    } else {
      this.window = { heard: [], own: [], began: now };
    }
  }

  private rest(until: number): void {
    this.restsUntil = until;
    this.looks = 0;
    this.audible = 0;
    this.window = null;
    this.echoes = 0;
    this.windows = 0;
  }
}

/** One effect on one device: follows the track as it comes and goes, and the wish as it changes. */
import type { Effect, EffectStatus } from "./choice";

export class EffectSlot {
  private effect: Effect | null = null;
  private input: MediaStreamTrack | null = null;
  private make: ((input: MediaStreamTrack) => Promise<Effect>) | null = null;
  private turn = 0;
  private current: EffectStatus = "off";

  constructor(private readonly changed: () => void) {}

  get status(): EffectStatus {
    return this.current;
  }

  /** What comes out; null while there is no effect, or not yet. */
  get output(): MediaStreamTrack | null {
    return this.effect?.track ?? null;
  }

  get frameMs(): number {
    return this.effect?.frameMs ?? 0;
  }

  /** Another track, or none; the wish stays. */
  async follow(input: MediaStreamTrack | null): Promise<void> {
    if (input === this.input) return;
    this.input = input;
    await this.renew();
  }

  /** Another effect, or none; the track stays. */
  async want(make: ((input: MediaStreamTrack) => Promise<Effect>) | null): Promise<void> {
    this.make = make;
    if (!make) this.current = "off";
    await this.renew();
  }

  /** Give it up for a reason; a new wish begins anew. */
  giveUp(why: "too-slow" | "failed"): void {
    this.turn += 1;
    this.make = null;
    this.drop();
    this.become(why);
  }

  private async renew(): Promise<void> {
    const turn = ++this.turn;
    const { input, make } = this;
    this.drop();
    if (!input || !make) {
      // Why it was given up is still to be read after the device is off.
      this.become(make ? "off" : this.current);
      return;
    }
    this.become("starting");
    try {
      const effect = await make(input);
      if (turn !== this.turn) {
        effect.close();
        return;
      }
      this.effect = effect;
      this.become("on");
    } catch (error) {
      console.warn("effect:", error);
      if (turn === this.turn) this.giveUp("failed");
    }
  }

  private drop(): void {
    this.effect?.close();
    this.effect = null;
  }

  private become(status: EffectStatus): void {
    this.current = status;
    this.changed();
  }
}

/** Whether a machine keeps up with an effect, by the time its own frames take. */
export interface PaceLimits {
  /** On average a frame may take this long; 15 a second is the least that looks alive. */
  readonly frameMs: number;
  /** So many frames are looked at together: one slow frame is no slow machine. */
  readonly frames: number;
  /** The first ones load the model and compile, which says nothing. */
  readonly warmUp: number;
}

export const PACE: PaceLimits = { frameMs: 66, frames: 45, warmUp: 20 };

export class Pace {
  private seen = 0;
  private times: number[] = [];

  constructor(private readonly limits: PaceLimits = PACE) {}

  /** Of the frames looked at; 0 before there are any. */
  get averageMs(): number {
    const sum = this.times.reduce((total, time) => total + time, 0);
    return this.times.length === 0 ? 0 : sum / this.times.length;
  }

  /** Count a frame; true when the machine is too slow. */
  isTooSlow(tookMs: number): boolean {
    this.seen += 1;
    if (this.seen <= this.limits.warmUp) return false;
    this.times.push(tookMs);
    if (this.times.length > this.limits.frames) this.times.shift();
    return this.times.length === this.limits.frames && this.averageMs > this.limits.frameMs;
  }
}

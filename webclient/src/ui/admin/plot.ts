/** The geometry of the small plots: numbers in, coordinates out. */

export interface Box {
  readonly width: number;
  readonly height: number;
}

/** Longer than that between two samples: the server did not run, and nothing is drawn there. */
export const GAP_MS = 150_000;

/** The top of an axis: 1, 2 or 5 times a power of ten, at least `least`. */
export function topOf(highest: number, least = 1): number {
  let top = least;
  for (const step of steps(least)) {
    top = step;
    if (top >= highest) break;
  }
  return top;
}

function* steps(least: number): Generator<number> {
  for (let power = 1; ; power *= 10) {
    for (const factor of [1, 2, 5]) {
      const step = factor * power;
      if (step >= least) yield step;
    }
  }
}

/** The lines of an SVG path; a gap in time begins a new one. */
export function path(
  points: readonly (readonly [at: number, value: number])[],
  from: number,
  to: number,
  top: number,
  box: Box,
): string {
  let before = Number.NEGATIVE_INFINITY;
  const parts: string[] = [];
  for (const [at, value] of points) {
    if (at < from) continue;
    const x = ((at - from) / Math.max(1, to - from)) * box.width;
    const y = box.height - Math.min(1, value / top) * box.height;
    parts.push(`${at - before > GAP_MS ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`);
    before = at;
  }
  return parts.join("");
}

/** How much of the past is shown: what there is, in whole hours, at least one. */
export function hoursShown(
  points: readonly (readonly [number, ...number[]])[],
  now: number,
): number {
  const first = points[0]?.[0] ?? now;
  return Math.min(24, Math.max(1, Math.ceil((now - first) / 3_600_000)));
}

export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One bar for each value; what is more than nothing can be seen. */
export function bars(values: readonly number[], top: number, box: Box): Bar[] {
  const step = box.width / Math.max(1, values.length);
  return values.map((value, index) => {
    const height = value > 0 ? Math.max(2, (value / top) * box.height) : 0;
    return { x: index * step + step * 0.1, y: box.height - height, width: step * 0.8, height };
  });
}

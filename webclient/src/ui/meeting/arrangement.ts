/**
 * Where each tile goes: pure geometry, so that it can be tested without a page.
 *
 * Tiles are 16:9 with a gap of 8, the largest size that fits, in the order given. With a stage, one
 * tile or two are large and the others stand in a strip: to the right on wide screens, below on
 * narrow ones; or the others get a share of the space that is worth looking at.
 */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Arrangement {
  readonly rects: Readonly<Record<string, Rect>>;
  /** Tiles that do not fit on this page. */
  readonly hidden: readonly string[];
  readonly pages: number;
}

const GAP = 8;
const RATIO = 16 / 9;
const MAX_PER_PAGE = 25;
/** Below this a face says nothing any more. */
const MIN_TILE_WIDTH = 140;
const STRIP_MAX = 264;
/** Below the strip stands how many more there are. */
export const MORE_HEIGHT = 44;
/** Of a very wide tile only the middle is shown; a very tall one would lose the person. */
const TALLEST_RATIO = 3 / 4;

interface Grid {
  columns: number;
  rows: number;
  width: number;
  height: number;
}

function gridOf(count: number, width: number, height: number, ratio: number): Grid {
  let best: Grid = { columns: 1, rows: count, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const byWidth = (width - GAP * (columns - 1)) / columns;
    const byHeight = ((height - GAP * (rows - 1)) / rows) * ratio;
    const tile = Math.floor(Math.min(byWidth, byHeight));
    if (tile > best.width) {
      best = { columns, rows, width: tile, height: Math.floor(tile / ratio) };
    }
  }
  return best;
}

/** On narrow, tall areas tiles may be less wide than 16:9 rather than leave half the space empty. */
function bestGrid(count: number, width: number, height: number): Grid {
  const wide = gridOf(count, width, height, RATIO);
  if (width > height || count > 8) return wide;
  const square = gridOf(count, width, height, count <= 2 ? 1 : TALLEST_RATIO + 0.35);
  return square.width * square.height > wide.width * wide.height * 1.2 ? square : wide;
}

export function arrangeTiles(
  ids: readonly string[],
  width: number,
  height: number,
  page = 0,
): Arrangement {
  if (ids.length === 0 || width <= 0 || height <= 0) return { rects: {}, hidden: ids, pages: 1 };
  let perPage = Math.min(MAX_PER_PAGE, ids.length);
  while (perPage > 1 && bestGrid(perPage, width, height).width < Math.min(MIN_TILE_WIDTH, width)) {
    perPage -= 1;
  }
  const pages = Math.ceil(ids.length / perPage);
  const shownPage = Math.min(page, pages - 1);
  const shown = ids.slice(shownPage * perPage, (shownPage + 1) * perPage);
  // The last page keeps the size of the others, so that turning a page moves nobody.
  const grid = bestGrid(pages > 1 ? perPage : shown.length, width, height);
  const rows = Math.ceil(shown.length / grid.columns);
  const top = Math.floor((height - rows * grid.height - (rows - 1) * GAP) / 2);
  const rects: Record<string, Rect> = {};
  shown.forEach((id, index) => {
    const row = Math.floor(index / grid.columns);
    const inRow = row === rows - 1 ? shown.length - row * grid.columns : grid.columns;
    const left = Math.floor((width - inRow * grid.width - (inRow - 1) * GAP) / 2);
    rects[id] = {
      x: left + (index - row * grid.columns) * (grid.width + GAP),
      y: top + row * (grid.height + GAP),
      width: grid.width,
      height: grid.height,
    };
  });
  return { rects, hidden: ids.filter((id) => !(id in rects)), pages };
}

export interface StageOptions {
  /** Most tiles in the strip; a phone has room for two. */
  readonly maxInStrip?: number;
}

/** One or two large tiles, and the others in a strip beside or below them. */
export function arrangeStage(
  stages: readonly string[],
  others: readonly string[],
  width: number,
  height: number,
  { maxInStrip = Number.POSITIVE_INFINITY }: StageOptions = {},
): Arrangement {
  if (width <= 0 || height <= 0) return { rects: {}, hidden: [...stages, ...others], pages: 1 };
  if (others.length === 0) {
    return { rects: shared(stages, { x: 0, y: 0, width, height }), hidden: [], pages: 1 };
  }
  const isWide = width >= height * 1.1;
  if (isWide) {
    const stripWidth = Math.floor(Math.min(STRIP_MAX, Math.max(MIN_TILE_WIDTH, width * 0.2)));
    const tileHeight = Math.floor(stripWidth / RATIO);
    const roomIn = (space: number): number =>
      Math.min(maxInStrip, Math.max(1, Math.floor((space + GAP) / (tileHeight + GAP))));
    const isMore = others.length > roomIn(height);
    const space = isMore ? height - MORE_HEIGHT - GAP : height;
    const strip = inStrip(others, roomIn(space));
    const shown = strip.length;
    const top = Math.max(0, Math.floor((space - shown * tileHeight - (shown - 1) * GAP) / 2));
    const rects = shared(stages, { x: 0, y: 0, width: width - stripWidth - GAP, height });
    strip.forEach((id, index) => {
      rects[id] = {
        x: width - stripWidth,
        y: top + index * (tileHeight + GAP),
        width: stripWidth,
        height: tileHeight,
      };
    });
    return { rects, hidden: others.filter((id) => !strip.includes(id)), pages: 1 };
  }
  const perRow = Math.max(
    1,
    Math.min(maxInStrip, Math.floor((width + GAP) / (MIN_TILE_WIDTH + GAP))),
  );
  const strip = inStrip(others, perRow);
  const shown = strip.length;
  const tileWidth = Math.floor(
    Math.min(STRIP_MAX, (width - GAP * (Math.max(shown, 2) - 1)) / Math.max(shown, 2)),
  );
  const tileHeight = Math.floor(Math.min(tileWidth / RATIO, height * 0.3));
  const left = Math.floor((width - shown * tileWidth - (shown - 1) * GAP) / 2);
  const rects = shared(stages, { x: 0, y: 0, width, height: height - tileHeight - GAP });
  strip.forEach((id, index) => {
    rects[id] = {
      x: left + index * (tileWidth + GAP),
      y: height - tileHeight,
      width: tileWidth,
      height: tileHeight,
    };
  });
  return { rects, hidden: others.filter((id) => !strip.includes(id)), pages: 1 };
}

/** What the people get of the space when they stand beside a presentation. */
const PEOPLE_SHARE = 0.38;

/** A presentation and, beside or below it, the people in a grid of their own, which has pages. */
export function arrangeBeside(
  stages: readonly string[],
  people: readonly string[],
  width: number,
  height: number,
  page = 0,
): Arrangement {
  if (people.length === 0 || width <= 0 || height <= 0) {
    return arrangeStage(stages, people, width, height);
  }
  const isWide = width >= height * 1.1;
  const grid = isWide
    ? arrangeTiles(people, Math.floor(width * PEOPLE_SHARE), height, page)
    : arrangeTiles(people, width, Math.floor(height * PEOPLE_SHARE), page);
  // What the grid leaves empty at its sides is better used by the presentation.
  const tiles = Object.values(grid.rects);
  const left = Math.min(...tiles.map((rect) => rect.x));
  const top = Math.min(...tiles.map((rect) => rect.y));
  const x = isWide ? width - Math.max(...tiles.map((rect) => rect.x + rect.width)) : 0;
  const y = isWide ? 0 : height - Math.max(...tiles.map((rect) => rect.y + rect.height));
  const rects = shared(stages, {
    x: 0,
    y: 0,
    width: isWide ? x + left - GAP : width,
    height: isWide ? height : y + top - GAP,
  });
  for (const [id, rect] of Object.entries(grid.rects)) {
    rects[id] = { ...rect, x: rect.x + x, y: rect.y + y };
  }
  return { ...grid, rects };
}

/** Side by side is how people think of two; above each other must be larger by that much. */
const STACKED_IF_LARGER = 1.1;

/** Two share a space side by side, or one above the other where that makes them larger. */
function shared(ids: readonly string[], space: Rect): Record<string, Rect> {
  const each = (whole: number): number => Math.floor((whole - GAP * (ids.length - 1)) / ids.length);
  const beside = Math.min(each(space.width), space.height * RATIO);
  const stacked = Math.min(space.width, each(space.height) * RATIO);
  const isWide = stacked <= beside * STACKED_IF_LARGER;
  const width = isWide ? each(space.width) : space.width;
  const height = isWide ? space.height : each(space.height);
  return Object.fromEntries(
    ids.map((id, index) => [
      id,
      {
        x: space.x + (isWide ? index * (width + GAP) : 0),
        y: space.y + (isWide ? 0 : index * (height + GAP)),
        width,
        height,
      },
    ]),
  );
}

/** The first `room` of them; the last one (oneself) is always among them. */
function inStrip(others: readonly string[], room: number): readonly string[] {
  if (others.length <= room) return others;
  return [...others.slice(0, room - 1), others.at(-1)!];
}

/**
 * The layer worth receiving for a tile of that size: as many lines as the picture that fills it
 * has, in pixels of the screen. Above two of them per CSS pixel nobody sees the difference.
 */
export function wantedHeight(rect: Rect, pixelRatio: number): number {
  const lines = Math.max(rect.height, rect.width / RATIO) * Math.min(pixelRatio, 2);
  if (lines <= 240) return 180;
  return lines <= 480 ? 360 : 720;
}

/** What is worth being sent to us: what is seen, as large as it is seen. */
import type { SourceName } from "../../conference/state";
import type { ReceiverConstraints } from "../../protocol/bridge-channel";
import { type Rect, wantedHeight } from "./arrangement";
import type { TileModel } from "./tiles";

/** A screen keeps its sharpness on the stage, whatever the size of its tile. */
const SCREEN_HEIGHT = 2160;
const SMALL_SCREEN_HEIGHT = 360;
/** What the window beside everything else is worth. */
const POP_OUT_HEIGHT = 360;

export interface Seen {
  readonly tiles: readonly TileModel[];
  readonly rects: Readonly<Record<string, Rect>>;
  readonly stages: readonly SourceName[];
  readonly pixelRatio: number;
  /** False while the window is minimised or another tab is in front. */
  readonly isPageVisible: boolean;
  /** What stands in a window of its own, seen also while the page is not. */
  readonly poppedOut: SourceName | null;
  readonly lastN: number;
}

/** Heights in lines for every source of others; 0 for those that nobody sees. */
export function constraintsFor(seen: Seen): ReceiverConstraints {
  const { isPageVisible, poppedOut, stages } = seen;
  const maxHeights: Record<SourceName, number> = {};
  for (const tile of seen.tiles) {
    if (tile.isLocal) continue;
    const rect = isPageVisible ? seen.rects[tile.id] : undefined;
    const aside = tile.id === poppedOut ? POP_OUT_HEIGHT : 0;
    maxHeights[tile.id] = Math.max(rect ? heightIn(rect, tile, seen) : 0, aside);
  }
  const others = seen.tiles.filter((tile) => !tile.isLocal).map((tile) => tile.id);
  return {
    lastN: seen.lastN,
    onStageSources: isPageVisible ? stages.filter((id) => others.includes(id)) : [],
    // For whoever comes before the page knows: a small picture, unless nobody looks.
    defaultMaxHeight: isPageVisible ? 180 : 0,
    maxHeights,
  };
}

function heightIn(rect: Rect, tile: TileModel, seen: Seen): number {
  if (!tile.isScreen) return wantedHeight(rect, seen.pixelRatio);
  if (seen.stages.includes(tile.id)) return SCREEN_HEIGHT;
  return Math.max(SMALL_SCREEN_HEIGHT, wantedHeight(rect, seen.pixelRatio));
}

/** Which of the tiles are shown, and which are large: the wishes of a person and of a moderator. */
import type { EndpointId, SourceName, Spotlight } from "../../conference/state";
import type { TileModel } from "./tiles";

export const LAYOUTS = ["auto", "grid", "speaker", "beside"] as const;
/**
 * - `auto`: everybody the same size; a shared screen is large, the people in a strip.
 * - `grid`: everybody and every screen the same size.
 * - `speaker`: whoever speaks is large, unless a screen is shared.
 * - `beside`: a shared screen and the people share the space.
 */
export type Layout = (typeof LAYOUTS)[number];

export interface View {
  readonly layout: Layout;
  /** What this person wants large, the newest last. */
  readonly pinned: readonly SourceName[];
  readonly hidesSelf: boolean;
  readonly hidesWithoutVideo: boolean;
}

/** Two are large at most: with three none of them would be. */
export const MAX_ON_STAGE = 2;

/** Pin what was not pinned, and the other way round; the oldest gives way. */
export function withPin(view: View, source: SourceName): View {
  const others = view.pinned.filter((each) => each !== source);
  const pinned = others.length < view.pinned.length ? others : [...others, source];
  return { ...view, pinned: pinned.slice(-MAX_ON_STAGE) };
}

export interface Shown {
  readonly tiles: readonly TileModel[];
  /** People left out because nothing is to be seen of them. */
  readonly withoutVideo: number;
}

/** Leave out what the person does not want to see; whoever is large stays. */
export function shownOf(
  tiles: readonly TileModel[],
  view: Pick<View, "hidesSelf" | "hidesWithoutVideo">,
  stages: readonly SourceName[],
): Shown {
  const isAlone = tiles.every((tile) => tile.isLocal);
  let withoutVideo = 0;
  const shown = tiles.filter((tile) => {
    if (stages.includes(tile.id)) return true;
    if (tile.isLocal) return isAlone || tile.isScreen || !view.hidesSelf;
    if (!view.hidesWithoutVideo || tile.isScreen || !tile.isVideoMuted) return true;
    withoutVideo += 1;
    return false;
  });
  return { tiles: shown, withoutVideo };
}

export interface StageWish {
  readonly layout: Layout;
  readonly pinned: readonly SourceName[];
  /** What a moderator shows to all; a pin of one's own stands above it. */
  readonly spotlight: Spotlight | null;
}

/**
 * Who is large, in the order of the tiles: what was pinned, else what a moderator shows to all,
 * else the screens, else the speaker if that is wished. Nobody: everybody has the same size.
 * One's own screen is put on one's own stage only by one's own wish.
 */
export function stagesOf(
  tiles: readonly TileModel[],
  dominantSpeaker: EndpointId | null,
  wish: StageWish,
): readonly SourceName[] {
  const inOrder = (wanted: readonly SourceName[]): readonly SourceName[] =>
    tiles.filter((tile) => wanted.includes(tile.id)).map((tile) => tile.id);
  const pinned = inOrder(wish.pinned);
  if (pinned.length > 0) return pinned;
  if (wish.spotlight?.isGrid) return [];
  const lit = inOrder((wish.spotlight?.onStage ?? []).map((each) => sourceOf(tiles, each)));
  if (lit.length > 0) return lit.slice(0, MAX_ON_STAGE);
  if (wish.layout === "grid") return [];
  const screens = tiles.filter((tile) => tile.isScreen && !tile.isLocal).map((tile) => tile.id);
  if (screens.length > 0) return screens.slice(-MAX_ON_STAGE);
  if (wish.layout !== "speaker") return [];
  const others = tiles.filter((tile) => !tile.isLocal && !tile.isScreen);
  const speaker = others.find((tile) => tile.endpoint === dominantSpeaker) ?? others[0];
  return speaker ? [speaker.id] : [];
}

/** Stock clients name a person by the endpoint and a screen by its source. */
function sourceOf(tiles: readonly TileModel[], named: string): SourceName {
  if (tiles.some((tile) => tile.id === named)) return named;
  return tiles.find((tile) => tile.endpoint === named && !tile.isScreen)?.id ?? named;
}

/** The other way round: how others are told of a tile. */
export function nameForOthers(tile: Pick<TileModel, "id" | "endpoint" | "isScreen">): string {
  return tile.isScreen ? tile.id : tile.endpoint;
}

/** From what is known and wished to what stands where. */
import { type Conference, type SourceName, spotlightOf } from "../../conference/state";
import { type Arrangement, arrangeBeside, arrangeStage, arrangeTiles } from "./arrangement";
import { shownOf, stagesOf, type View } from "./staging";
import { type TileModel, tilesFor } from "./tiles";

const PHONE_WIDTH = 600;
const PHONE_HEIGHT = 420;
/** What the invitation takes of a phone while nobody else is there. */
const INVITATION_HEIGHT = 236;
/** The line below the tiles where pages are turned. */
export const PAGER_HEIGHT = 56;

export interface TileLayout {
  /** Everybody's, also of those who are not shown. */
  readonly all: readonly TileModel[];
  readonly tiles: readonly TileModel[];
  readonly stages: readonly SourceName[];
  readonly arrangement: Arrangement;
  readonly withoutVideo: number;
}

/** `width` and `height` are those of the space for all tiles, in CSS pixels. */
export function layoutOf(
  state: Conference,
  view: View,
  { width, height }: { readonly width: number; readonly height: number },
  page: number,
): TileLayout {
  const all = tilesFor(state);
  const isPhone = width < PHONE_WIDTH || height < PHONE_HEIGHT;
  const isAlone = state.participants.length === 0;
  const isSmall = isPhone && !isAlone;
  const stages = stagesOf(all, state.dominantSpeaker, {
    // On a phone faces in a grid are too small: it follows the speaker by itself.
    layout: isSmall && view.layout === "auto" ? "speaker" : view.layout,
    pinned: view.pinned,
    spotlight: spotlightOf(state),
  });
  const { tiles, withoutVideo } = shownOf(all, view, stages);
  const others = tiles.map((tile) => tile.id).filter((id) => !stages.includes(id));
  const space = isPhone && isAlone ? height - INVITATION_HEIGHT : height;
  const arrange = (below: number): Arrangement => {
    if (stages.length === 0) return arrangeTiles(others, width, space - below, page);
    if (view.layout === "beside" && !isPhone) {
      return arrangeBeside(stages, others, width, height - below, page);
    }
    return arrangeStage(stages, others, width, height, isPhone ? { maxInStrip: 2 } : {});
  };
  const first = arrange(0);
  const arrangement = first.pages > 1 ? arrange(PAGER_HEIGHT) : first;
  return { all, tiles, stages, arrangement, withoutVideo };
}

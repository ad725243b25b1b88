/** The space the tiles share: measures it, arranges them, and tells the bridge what is worth sending. */
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import {
  conference,
  followsSpeaker,
  localVersion,
  meeting,
  panel,
  pinned,
  remoteTracks,
  site,
} from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { Alone } from "./alone";
import { arrangeStage, arrangeTiles, wantedHeight } from "./arrangement";
import { Tile } from "./tile";
import { stageOf, tilesFor } from "./tiles";

const PHONE_WIDTH = 600;
/** What the invitation takes of a phone while nobody else is there. */
const INVITATION_HEIGHT = 236;
/** The line below the tiles where pages are turned. */
const PAGER_HEIGHT = 56;
/** A screen keeps its sharpness whatever the size of its tile on the stage. */
const SCREEN_HEIGHT = 2160;

export function TileArea(): JSX.Element {
  const area = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const page = useSignal(0);

  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return;
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width !== size.value.width || height !== size.value.height) {
        size.value = { width, height };
      }
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  const layout = useComputed(() => {
    const state = conference.value;
    const tiles = tilesFor(state);
    const { width, height } = size.value;
    const isPhone = width < PHONE_WIDTH || height < 420;
    const stage = stageOf(tiles, state.dominantSpeaker, {
      pinned: pinned.value,
      followsSpeaker: followsSpeaker.value || (isPhone && state.participants.length > 0),
    });
    const ids = tiles.map((tile) => tile.id);
    const isAlone = state.participants.length === 0;
    const space = isPhone && isAlone ? height - INVITATION_HEIGHT : height;
    let arrangement = stage
      ? arrangeStage(
          stage,
          ids.filter((id) => id !== stage),
          width,
          height,
          isPhone ? { maxInStrip: 2 } : {},
        )
      : arrangeTiles(ids, width, space, page.value);
    if (arrangement.pages > 1) {
      arrangement = arrangeTiles(ids, width, height - PAGER_HEIGHT, page.value);
    }
    return { tiles, stage, arrangement };
  });

  const { tiles, stage, arrangement } = layout.value;
  const { rects, hidden, pages } = arrangement;
  if (page.value >= pages) page.value = pages - 1;

  useEffect(() => {
    const maxHeights: Record<string, number> = {};
    for (const tile of tiles) {
      if (tile.isLocal) continue;
      const rect = rects[tile.id];
      if (!rect) maxHeights[tile.id] = 0;
      else if (tile.isScreen) maxHeights[tile.id] = tile.id === stage ? SCREEN_HEIGHT : 360;
      else maxHeights[tile.id] = wantedHeight(rect, window.devicePixelRatio, tile.id === stage);
    }
    meeting.value?.constrain({
      lastN: site.lastN,
      onStageSources: stage && !stage.startsWith(`${conference.peek().ownId}-`) ? [stage] : [],
      defaultMaxHeight: 180,
      maxHeights,
    });
  }, [layout.value]);

  void localVersion.value;
  const tracks = remoteTracks.value;
  const localMedia = meeting.value?.localMedia;
  const stageRect = stage ? rects[stage] : undefined;
  const isAlone = conference.value.participants.length === 0;
  return (
    <div class="tile-area" ref={area} data-layout={stage ? "stage" : "tiles"}>
      {tiles
        .filter((tile) => rects[tile.id])
        .map((tile) => (
          <Tile
            key={tile.id}
            tile={tile}
            rect={rects[tile.id]!}
            isStage={tile.id === stage}
            track={
              tile.isLocal
                ? ((tile.isScreen ? localMedia?.screenTrack : localMedia?.cameraTrack) ?? null)
                : (tracks.get(tile.id) ?? null)
            }
          />
        ))}
      {isAlone && <Alone />}
      {stageRect && hidden.length > 0 && (
        <button
          type="button"
          class="more-people"
          style={{
            right: `${size.value.width - stageRect.x - stageRect.width + 8}px`,
            // Above the line of the name, which may be as long as the stage is wide.
            bottom: `${size.value.height - stageRect.y - stageRect.height + 44}px`,
          }}
          onClick={() => {
            panel.value = "people";
          }}
        >
          <Icon name="people" />
          {t("meeting.morePeople", { count: hidden.length })}
        </button>
      )}
      {!stage && pages > 1 && (
        <nav class="pager" aria-label={t("meeting.page", { page: page.value + 1, pages })}>
          <button
            type="button"
            class="round"
            aria-label={t("meeting.previousPage")}
            disabled={page.value === 0}
            onClick={() => {
              page.value -= 1;
            }}
          >
            <Icon name="chevron-left" />
          </button>
          <span>
            {page.value + 1} / {pages}
          </span>
          <button
            type="button"
            class="round"
            aria-label={t("meeting.nextPage")}
            disabled={page.value >= pages - 1}
            onClick={() => {
              page.value += 1;
            }}
          >
            <Icon name="chevron-right" />
          </button>
        </nav>
      )}
    </div>
  );
}

/** The space the tiles share: measures it, arranges them, and tells the bridge what is worth sending. */
import { computed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { conference, localVersion, meeting, panel, remoteTracks, site, view } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { keeper, keepers, useSelected } from "../selected";
import { toggleWithoutVideo } from "./actions";
import { Alone } from "./alone";
import type { Arrangement, Rect } from "./arrangement";
import { Pager } from "./pager";
import { poppedOut } from "./pop-out";
import { constraintsFor } from "./receiving";
import { Tile } from "./tile";
import { layoutOf, type TileLayout } from "./tile-layout";
import type { TileModel } from "./tiles";
import { usePageVisible } from "./visibility";

export function TileArea(): JSX.Element {
  const area = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const page = useSignal(0);
  const isPageVisible = usePageVisible();

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

  const layout = useMemo(() => {
    const keep = keeper<TileLayout>();
    return computed(() => keep(layoutOf(conference.value, view.value, size.value, page.value)));
  }, []).value;
  const keepTile = useMemo(() => keepers<TileModel>(), []);
  const keepRect = useMemo(() => keepers<Rect>(), []);
  const { all, tiles, stages, arrangement, withoutVideo } = layout;
  const { rects, hidden, pages } = arrangement;
  if (page.value >= pages) page.value = pages - 1;

  const wanted = constraintsFor({
    tiles: all,
    rects,
    stages,
    pixelRatio: window.devicePixelRatio,
    isPageVisible,
    poppedOut: poppedOut.value?.source ?? null,
    lastN: site.lastN,
  });
  const fingerprint = JSON.stringify(wanted);
  // Said again only when it says something else, whatever made this draw.
  useEffect(() => meeting.value?.constrain(wanted), [fingerprint]);

  void localVersion.value;
  const tracks = remoteTracks.value;
  const localMedia = meeting.value?.localMedia;
  const isAlone = useSelected((state) => state.participants.length === 0);
  return (
    <div class="tile-area" ref={area} data-layout={stages.length > 0 ? "stage" : "tiles"}>
      {tiles
        .filter((tile) => rects[tile.id])
        .map((tile) => (
          <Tile
            key={tile.id}
            tile={keepTile(tile.id, tile)}
            rect={keepRect(tile.id, rects[tile.id]!)}
            isStage={stages.includes(tile.id)}
            track={
              tile.isLocal
                ? ((tile.isScreen ? localMedia?.screenTrack : localMedia?.cameraTrack) ?? null)
                : (tracks.get(tile.id) ?? null)
            }
          />
        ))}
      {isAlone && <Alone />}
      {stages.length > 0 && pages === 1 && hidden.length > 0 && (
        <button
          type="button"
          class="more-people"
          style={placeOfMore(rects, stages, size.value)}
          onClick={() => {
            panel.value = "people";
          }}
        >
          <Icon name="people" />
          {t("meeting.morePeople", { count: hidden.length })}
        </button>
      )}
      {withoutVideo > 0 && (
        <button
          type="button"
          class="without-video"
          data-testid="show-without-video"
          title={t("view.showWithoutVideo")}
          onClick={toggleWithoutVideo}
        >
          <Icon name="camera-off" />
          {t("view.withoutVideo", { count: withoutVideo })}
        </button>
      )}
      {pages > 1 && (
        <Pager
          page={page.value}
          pages={pages}
          onTurn={(next) => {
            page.value = next;
          }}
        />
      )}
    </div>
  );
}

/** Below a strip at the side; else in the stage's lower right corner, above the line of the name. */
function placeOfMore(
  rects: Arrangement["rects"],
  stages: readonly string[],
  space: { readonly width: number; readonly height: number },
): Record<string, string> {
  const onStage = stages.flatMap((id) => rects[id] ?? []);
  const right = Math.max(...onStage.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...onStage.map((rect) => rect.y + rect.height));
  const strip = Object.entries(rects).filter(([id]) => !stages.includes(id));
  const last = strip.at(-1)?.[1];
  if (last && last.x >= right) {
    return { left: `${last.x}px`, top: `${last.y + last.height + 8}px`, width: `${last.width}px` };
  }
  return { right: `${space.width - right + 8}px`, bottom: `${space.height - bottom + 44}px` };
}

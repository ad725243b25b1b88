/** How one person's sound and picture travel: the only place where the words are technical. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Conference } from "../../conference/state";
import { conference, devices } from "../app";
import { Icon } from "../icons";
import { language, t } from "../language";
import type { TileModel } from "./tiles";
import { CAUSE_ICONS, figuresOf, isCause, whyBad } from "./why";

interface Row {
  readonly name: string;
  readonly value: string;
}

function rowsOf(state: Conference, tile: TileModel): Row[] {
  const { path, sources } = state.stats;
  const video = sources[tile.id];
  const audio = sources[`${tile.endpoint}-a${tile.isScreen ? 1 : 0}`];
  const reason = state.pictureReasons[tile.id];
  const measuring = t("card.measuring");
  const rows: Row[] = [
    {
      name: t("card.bitrate"),
      value:
        video || audio
          ? t("card.bitrateValue", {
              video: t("card.kbps", { value: video?.bitrateKbps ?? 0 }),
              audio: t("card.kbps", { value: audio?.bitrateKbps ?? 0 }),
            })
          : measuring,
    },
    {
      name: t("card.loss"),
      value:
        video || audio
          ? percent(Math.max(video?.lossPercent ?? 0, audio?.lossPercent ?? 0))
          : measuring,
    },
    {
      name: t("card.resolution"),
      value: video?.height
        ? `${video.width} × ${video.height}, ${video.framesPerSecond}\u00a0fps`
        : t("card.noVideo"),
    },
    ...(reason && !isCause(reason)
      ? [{ name: t("card.picture"), value: t(`picture.${reason}`) }]
      : []),
    {
      name: t("card.codec"),
      value: [video?.codec, audio?.codec].filter(Boolean).join(", ") || measuring,
    },
    { name: t("card.path"), value: t(`card.path.${state.mediaPath}`) },
    { name: t("card.transport"), value: path?.transport || measuring },
    {
      name: t("card.roundTrip"),
      value:
        path?.roundTripMs === null || path === null
          ? measuring
          : t("card.roundTripValue", { value: path.roundTripMs }),
    },
  ];
  const frameMs = tile.isLocal && !tile.isScreen ? devices().effects.camera.frameMs : 0;
  if (frameMs > 0) {
    rows.push({
      name: t("effect.background"),
      value: t("card.backgroundValue", { value: Math.round(frameMs) }),
    });
  }
  if (path?.remoteAddress) rows.push({ name: t("card.remote"), value: path.remoteAddress });
  return rows;
}

function percent(value: number): string {
  const format = new Intl.NumberFormat(language.value, {
    style: "percent",
    maximumFractionDigits: 1,
  });
  return format.format(value / 100);
}

/** Why the picture is small or missing, before everything technical. */
function Why({ tile }: { tile: TileModel }): JSX.Element | null {
  const cause = whyBad(figuresOf(conference.value, tile));
  if (!cause) return null;
  return (
    <p class="connection-why" data-testid="connection-why">
      <Icon name={CAUSE_ICONS[cause]} />
      <span>
        {t(`why.${cause}`)}. <span class="label">{t(`why.${cause}.hint`)}</span>
      </span>
    </p>
  );
}

export function ConnectionCard(props: {
  tile: TileModel;
  label: string;
  onClose: () => void;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const { tile, label, onClose } = props;
  useEffect(() => {
    const element = box.current;
    const tileBox = element?.parentElement?.getBoundingClientRect();
    // The top layer: a small tile must not cut it off.
    element?.showPopover?.();
    if (element && tileBox) placeOver(element, tileBox);
    element?.focus();
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      onClose();
    };
    const outside = (event: Event): void => {
      if (!element?.contains(event.target as Node)) onClose();
    };
    window.addEventListener("keydown", press, true);
    document.addEventListener("pointerdown", outside, true);
    return () => {
      window.removeEventListener("keydown", press, true);
      document.removeEventListener("pointerdown", outside, true);
    };
  }, []);
  return (
    <div
      ref={box}
      class="connection-card"
      role="dialog"
      tabIndex={-1}
      popover="manual"
      data-open-menu
      data-testid="connection-card"
      aria-label={t("card.title", { name: label })}
    >
      <div class="connection-head">
        <h2>{label}</h2>
        <button
          type="button"
          class="button quiet square"
          aria-label={t("panel.close")}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <Why tile={tile} />
      <dl>
        {rowsOf(conference.value, tile).map(({ name, value }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

const EDGE = 8;

/** In the tile's upper left corner, as far as the window allows; the toolbar stays free. */
function placeOver(card: HTMLElement, tile: DOMRect): void {
  const { width, height } = card.getBoundingClientRect();
  const left = Math.min(tile.left + EDGE, window.innerWidth - width - EDGE);
  const floor = document.querySelector(".toolbar")?.getBoundingClientRect().top;
  const top = Math.min(tile.top + EDGE, (floor ?? window.innerHeight) - height - EDGE);
  card.style.left = `${Math.max(EDGE, left)}px`;
  card.style.top = `${Math.max(EDGE, top)}px`;
}

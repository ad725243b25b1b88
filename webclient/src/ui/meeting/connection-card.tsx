/** How one person's sound and picture travel: the only place where the words are technical. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { conference, devices } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { rowsOf } from "./connection-rows";
import type { TileModel } from "./tiles";
import { CAUSE_ICONS, figuresOf, whyBad } from "./why";

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
  const backgroundMs = tile.isLocal && !tile.isScreen ? devices().effects.camera.frameMs : 0;
  useLayoutEffect(() => {
    const element = box.current;
    const returnTo = document.activeElement as HTMLElement | null;
    const tileBox = element?.parentElement?.getBoundingClientRect();
    // The top layer: a small tile must not cut it off.
    element?.showPopover?.();
    if (element && tileBox) placeOver(element, tileBox);
    element?.focus();
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      onClose();
    };
    const outside = (event: Event): void => {
      if (!element?.contains(event.target as Node)) onClose();
    };
    window.addEventListener("keydown", press, true);
    document.addEventListener("pointerdown", outside, true);
    return () => {
      // Not when a click elsewhere has closed it.
      if (element?.contains(document.activeElement)) returnTo?.focus();
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
        {rowsOf(conference.value, tile, backgroundMs).map(({ name, value }) => (
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

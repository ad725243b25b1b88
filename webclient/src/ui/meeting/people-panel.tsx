/** Everybody, with what state they are in. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { conference } from "../app";
import { Avatar } from "../avatar";
import { Icon, type IconName } from "../icons";
import { t } from "../language";
import { copyInvitation } from "./actions";
import { PanelFrame } from "./panel";
import { Popover } from "./popover";
import { displayNameOf, ModeratorItems, tileName } from "./tile";
import { type TileModel, tilesFor } from "./tiles";

/** From this many people on there is a field to find one. */
const SEARCH_FROM = 10;

function State({ icon, label, isOn }: { icon: IconName; label: string; isOn: boolean }) {
  return (
    <span class="person-state" role="img" aria-label={label} title={label} data-on={isOn}>
      <Icon name={icon} />
    </span>
  );
}

function Person({ tile, isSharing }: { tile: TileModel; isSharing: boolean }): JSX.Element {
  const name = tileName(tile);
  return (
    <li class="person" data-testid="person" data-endpoint={tile.endpoint}>
      <Avatar id={tile.endpoint} name={tile.name} />
      <div class="person-name">
        <span>{name}</span>
        {tile.isModerator && <span class="label">{t("people.moderator")}</span>}
      </div>
      {tile.raisedHandAt !== null && <State icon="hand" label={t("tile.handRaised")} isOn />}
      {isSharing && <State icon="share" label={t("tile.screenOf", { name })} isOn />}
      <State
        icon={tile.isVideoMuted ? "camera-off" : "camera"}
        label={t(tile.isVideoMuted ? "tile.cameraOff" : "tile.cameraOn")}
        isOn={!tile.isVideoMuted}
      />
      <State
        icon={tile.isAudioMuted ? "mic-off" : "mic"}
        label={
          tile.isSpeaking
            ? t("tile.speaking")
            : t(tile.isAudioMuted ? "tile.muted" : "tile.unmuted")
        }
        isOn={!tile.isAudioMuted}
      />
      {conference.value.isModerator && !tile.isLocal && (
        <Popover
          class="button quiet square small"
          testId="person-menu"
          label={t("tile.menu", { name })}
          icon="ellipsis-vertical"
          isMenu
        >
          <ModeratorItems tile={tile} />
        </Popover>
      )}
    </li>
  );
}

export function PeoplePanel(): JSX.Element {
  const search = useSignal("");
  const state = conference.value;
  const all = tilesFor(state);
  // Raised hands first, in the order they went up; then oneself, then the others as they came.
  const people = all
    .filter((tile) => !tile.isScreen)
    .map((tile, index) => ({ tile, index }))
    .sort(
      (a, b) =>
        (a.tile.raisedHandAt ?? Number.POSITIVE_INFINITY) -
          (b.tile.raisedHandAt ?? Number.POSITIVE_INFINITY) ||
        Number(b.tile.isLocal) - Number(a.tile.isLocal) ||
        a.index - b.index,
    )
    .map(({ tile }) => tile);
  const wanted = search.value.trim().toLocaleLowerCase();
  const shown = people.filter((tile) =>
    displayNameOf(tile.name).toLocaleLowerCase().includes(wanted),
  );
  return (
    <PanelFrame title={t("people.title", { count: people.length })}>
      {people.length >= SEARCH_FROM && (
        <div class="panel-search">
          <input
            type="search"
            class="field"
            placeholder={t("people.search")}
            aria-label={t("people.search")}
            value={search.value}
            onInput={(event) => {
              search.value = event.currentTarget.value;
            }}
          />
        </div>
      )}
      <ul class="people panel-scroll">
        {shown.map((tile) => (
          <Person
            key={tile.endpoint}
            tile={tile}
            isSharing={all.some((each) => each.isScreen && each.endpoint === tile.endpoint)}
          />
        ))}
        {shown.length === 0 && <li class="label panel-empty">{t("people.none")}</li>}
      </ul>
      <footer class="panel-foot">
        <button type="button" class="button" onClick={() => void copyInvitation()}>
          <Icon name="user-plus" />
          {t("toolbar.copyInvitation")}
        </button>
      </footer>
    </PanelFrame>
  );
}

/** Everybody, with what state they are in; who waits at the door, and who wants to speak. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { handsInOrder } from "../../conference/state/people";
import { isPresenter } from "../../conference/state/rules";
import { conference, dialog, meeting } from "../app";
import { Avatar } from "../avatar";
import { Icon, type IconName } from "../icons";
import { t } from "../language";
import { copyInvitation } from "./actions";
import { AtTheDoor } from "./at-the-door";
import { HowManyWithoutCamera, NoCamera } from "./camera-required";
import { displayNameOf, tileName } from "./names";
import { PanelFrame } from "./panel";
import { PersonItems } from "./person-menu";
import { Popover } from "./popover";
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

/** Roles in words: nobody has to know what a crown means. */
function rolesOf(tile: TileModel): string[] {
  const { rules } = conference.value;
  const roles: string[] = [];
  if (tile.isModerator) roles.push(t("people.moderator"));
  else if (isPresenter(rules, tile.endpoint)) roles.push(t("people.presenter"));
  if (rules.speech.audio.isOn && rules.speech.audio.allowed.includes(tile.endpoint)) {
    roles.push(t("people.mayTalk"));
  }
  return roles;
}

function Person({
  tile,
  isSharing,
  place,
}: {
  tile: TileModel;
  isSharing: boolean;
  /** In the queue of raised hands, from 1; 0: no hand. */
  place: number;
}): JSX.Element {
  const name = tileName(tile);
  const roles = rolesOf(tile);
  return (
    <li class="person" data-testid="person" data-endpoint={tile.endpoint} data-name={tile.name}>
      <Avatar id={tile.endpoint} name={tile.name} />
      <div class="person-name">
        <span>{name}</span>
        {roles.length > 0 && <span class="label">{roles.join(", ")}</span>}
        <NoCamera endpoint={tile.endpoint} />
      </div>
      {place > 0 && (
        <span
          class="person-hand"
          role="img"
          aria-label={t("people.handPlace", { place })}
          title={t("people.handPlace", { place })}
          data-testid="hand-place"
        >
          <Icon name="hand" />
          {place}
        </span>
      )}
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
      {tile.isLocal ? (
        <span class="person-menu-space" />
      ) : (
        <Popover
          class="button quiet square small"
          testId="person-menu"
          label={t("tile.menu", { name })}
          icon="ellipsis-vertical"
          isMenu
        >
          <PersonItems tile={tile} isSharing={isSharing} />
        </Popover>
      )}
    </li>
  );
}

/** Raised hands first, in the order they went up; then oneself, then the others as they came. */
export function inOrder(tiles: readonly TileModel[]): TileModel[] {
  const people = tiles.filter((tile) => !tile.isScreen);
  const hands = handsInOrder(people);
  const others = people.filter((tile) => tile.raisedHandAt === null);
  return [
    ...hands,
    ...others.filter((tile) => tile.isLocal),
    ...others.filter((tile) => !tile.isLocal),
  ];
}

/** Whoever was first gets the word: the one button a moderator of a queue needs. */
function NextInQueue({ hands }: { hands: readonly TileModel[] }): JSX.Element | null {
  const { rules, isModerator } = conference.value;
  const next = hands.find(
    (tile) => !tile.isLocal && !rules.speech.audio.allowed.includes(tile.endpoint),
  );
  if (!isModerator || !rules.speech.audio.isOn || !next) return null;
  return (
    <button
      type="button"
      class="button primary panel-action"
      data-testid="next-in-queue"
      onClick={() => meeting.value?.moderation.allow(next.endpoint, "audio", true)}
    >
      <Icon name="mic" />
      <span>{t("people.giveFloorTo", { name: displayNameOf(next.name) })}</span>
    </button>
  );
}

export function PeoplePanel(): JSX.Element {
  const search = useSignal("");
  const all = tilesFor(conference.value);
  const people = inOrder(all);
  const hands = people.filter((tile) => tile.raisedHandAt !== null);
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
            data-testid="people-search"
            placeholder={t("people.search")}
            aria-label={t("people.search")}
            value={search.value}
            onInput={(event) => {
              search.value = event.currentTarget.value;
            }}
          />
        </div>
      )}
      <div class="panel-scroll">
        <AtTheDoor />
        <HowManyWithoutCamera />
        <NextInQueue hands={hands} />
        <ul class="people">
          {shown.map((tile) => (
            <Person
              key={tile.endpoint}
              tile={tile}
              place={hands.indexOf(tile) + 1}
              isSharing={all.some((each) => each.isScreen && each.endpoint === tile.endpoint)}
            />
          ))}
          {shown.length === 0 && <li class="label panel-empty">{t("people.none")}</li>}
        </ul>
      </div>
      <footer class="panel-foot pair">
        <button type="button" class="button" onClick={() => void copyInvitation()}>
          <Icon name="user-plus" />
          {t("toolbar.invite")}
        </button>
        <button
          type="button"
          class="button quiet"
          data-testid="open-times"
          onClick={() => {
            dialog.value = "times";
          }}
        >
          <Icon name="clock" />
          {t("times.open")}
        </button>
      </footer>
    </PanelFrame>
  );
}

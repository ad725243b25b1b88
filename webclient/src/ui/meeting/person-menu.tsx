/** What one may do with somebody, from the list of people and from their tile. */
import type { JSX } from "preact";
import { isPresenter, type ModeratedMedia } from "../../conference/state/rules";
import { conference, meeting, view } from "../app";
import type { IconName } from "../icons";
import { type Key, t } from "../language";
import { isInSpotlight, togglePin, toggleSpotlight } from "./actions";
import { askToRemove, iMayWriteTo, writeTo } from "./intents";
import { MenuItem } from "./popover";
import type { TileModel } from "./tiles";
import { type Turn, turnsFor } from "./turns";

type Somebody = Pick<TileModel, "endpoint" | "isAudioMuted" | "isVideoMuted">;

/** The whole menu of the list of people. */
export function PersonItems({
  tile,
  isSharing,
}: {
  tile: TileModel;
  isSharing: boolean;
}): JSX.Element {
  const isPinned = view.value.pinned.includes(tile.id);
  const isLit = isInSpotlight(tile);
  const { isModerator } = conference.value;
  return (
    <>
      {iMayWriteTo(tile.endpoint) && (
        <MenuItem
          icon="chat"
          text={t("person.write")}
          testId="person-write"
          onPick={() => writeTo(tile.endpoint)}
        />
      )}
      <MenuItem
        icon={isPinned ? "pin-off" : "pin"}
        text={t(isPinned ? "tile.unpin" : "tile.pin")}
        testId="person-pin"
        onPick={() => togglePin(tile.id)}
      />
      {isModerator && (
        <>
          <MenuItem
            icon="spotlight"
            text={t(isLit ? "view.endSpotlight" : "tile.spotlight")}
            testId="person-spotlight"
            onPick={() => toggleSpotlight(tile)}
          />
          <ModeratorItems tile={tile} isSharing={isSharing} />
        </>
      )}
    </>
  );
}

/** What only moderators may do. */
export function ModeratorItems({
  tile,
  isSharing = false,
}: {
  tile: Somebody;
  isSharing?: boolean;
}): JSX.Element | null {
  const moderation = meeting.value?.moderation;
  if (!moderation) return null;
  const { endpoint } = tile;
  const other = conference.value.participants.find((each) => each.id === endpoint);
  const hasHandUp = other !== undefined && other.raisedHandAt !== null;
  const turns = turnsFor(conference.value.rules, {
    id: endpoint,
    isModerator: other?.isModerator === true,
    isMuted: tile.isAudioMuted,
  });
  return (
    <>
      {turns.map((turn) => (
        <TurnItem key={turn.media} endpoint={endpoint} turn={turn} />
      ))}
      {!tile.isAudioMuted && (
        <MenuItem
          icon="mic-off"
          text={t("tile.mute")}
          testId="moderate-mute"
          onPick={() => void moderation.mute(endpoint, "audio")}
        />
      )}
      {!tile.isVideoMuted && (
        <MenuItem
          icon="camera-off"
          text={t("tile.stopCamera")}
          testId="moderate-camera"
          onPick={() => void moderation.mute(endpoint, "video")}
        />
      )}
      {isSharing && (
        <MenuItem
          icon="share-stop"
          text={t("person.stopShare")}
          testId="moderate-share"
          onPick={() => void moderation.mute(endpoint, "desktop")}
        />
      )}
      {hasHandUp && (
        <MenuItem
          icon="hand"
          text={t("toolbar.lowerHand")}
          testId="moderate-hand"
          onPick={() => moderation.lowerHand(endpoint)}
        />
      )}
      <RoleItems endpoint={endpoint} />
      <MenuItem
        icon="user-minus"
        class="danger"
        text={t("tile.remove")}
        testId="moderate-remove"
        onPick={() => askToRemove(endpoint)}
      />
    </>
  );
}

const TURN_ICONS: Readonly<Record<ModeratedMedia, { on: IconName; off: IconName }>> = {
  audio: { on: "mic", off: "mic-off" },
  video: { on: "camera", off: "camera-off" },
  desktop: { on: "share", off: "share-stop" },
};

/** Give or take what people have to ask for; while they need not, ask to unmute. */
function TurnItem({ endpoint, turn }: { endpoint: string; turn: Turn }): JSX.Element {
  const { media, kind } = turn;
  return (
    <MenuItem
      icon={TURN_ICONS[media][kind === "end" ? "off" : "on"]}
      text={t(`turn.${kind}-${media}` as Key)}
      testId={`moderate-${kind}-${media}`}
      onPick={() => meeting.value?.moderation.allow(endpoint, media, kind !== "end")}
    />
  );
}

function RoleItems({ endpoint }: { endpoint: string }): JSX.Element {
  const { participants, rules } = conference.value;
  const isModerator = participants.find((each) => each.id === endpoint)?.isModerator === true;
  const presents = isPresenter(rules, endpoint);
  const moderation = meeting.value?.moderation;
  return (
    <>
      {!isModerator && (
        <MenuItem
          icon="presenter"
          text={t(presents ? "person.noPresenter" : "person.makePresenter")}
          testId="moderate-presenter"
          onPick={() => moderation?.setPresenter(endpoint, !presents)}
        />
      )}
      <MenuItem
        icon="role"
        text={t(isModerator ? "person.noModerator" : "person.makeModerator")}
        testId="moderate-role"
        onPick={() => void moderation?.setModerator(endpoint, !isModerator)}
      />
    </>
  );
}

/** One person or one screen. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { view } from "../app";
import { Avatar } from "../avatar";
import { Icon } from "../icons";
import { t } from "../language";
import { useSelected } from "../selected";
import { isInSpotlight, togglePin, toggleSpotlight } from "./actions";
import type { Rect } from "./arrangement";
import { ConnectionCard } from "./connection-card";
import { EncryptionNote } from "./encryption/badge";
import { tileName } from "./names";
import { ModeratorItems } from "./person-menu";
import { MenuItem, Popover } from "./popover";
import { reactionGlyph } from "./reactions";
import type { TileModel } from "./tiles";
import { VideoView } from "./video-view";
import { CAUSE_ICONS, signOf } from "./why";

export interface TileProps {
  readonly tile: TileModel;
  readonly rect: Rect;
  readonly isStage: boolean;
  readonly track: MediaStreamTrack | null;
}

export function Tile({ tile, rect, isStage, track }: TileProps): JSX.Element {
  const isCardOpen = useSignal(false);
  const label = tileName(tile);
  const hasPicture = !tile.isVideoMuted && track !== null;
  const reaction = useSelected(
    ({ reactions }) =>
      tile.isScreen ? undefined : reactions.findLast((each) => each.from === tile.endpoint),
    [tile],
  );
  const cause = useSelected((state) => signOf(state, tile), [tile]);
  return (
    <article
      class="tile"
      data-testid="tile"
      data-endpoint={tile.endpoint}
      data-name={tile.name}
      data-local={tile.isLocal}
      data-source={tile.id}
      data-muted-audio={tile.isAudioMuted}
      data-muted-video={tile.isVideoMuted}
      data-speaking={tile.isSpeaking}
      data-stage={isStage}
      data-small={rect.width < 220}
      aria-label={label}
      style={{
        left: `${rect.x}px`,
        top: `${rect.y}px`,
        width: `${rect.width}px`,
        height: `${rect.height}px`,
      }}
    >
      <VideoView
        track={hasPicture ? track : null}
        isMirrored={tile.isLocal && !tile.isScreen}
        isContained={tile.isScreen}
        label={label}
      />
      {!hasPicture && (
        <div class="tile-empty">
          <Avatar id={tile.endpoint} name={tile.name} />
        </div>
      )}
      <EncryptionNote tile={tile} />
      {!tile.isReachable && <p class="tile-interrupted">{t("tile.interrupted")}</p>}
      <TileMenu
        tile={tile}
        label={label}
        onConnection={() => {
          isCardOpen.value = true;
        }}
      />
      <div class="tile-top">
        {cause && (
          <button
            type="button"
            class="tile-sign limit"
            data-testid="tile-limit"
            data-reason={cause}
            aria-label={t(`why.${cause}`)}
            title={t(`why.${cause}`)}
            onClick={() => {
              isCardOpen.value = true;
            }}
          >
            <Icon name={CAUSE_ICONS[cause]} />
          </button>
        )}
        {reaction && (
          <span class="tile-reaction" key={reaction.id} aria-hidden="true">
            {reactionGlyph(reaction.reaction)}
          </span>
        )}
        {tile.raisedHandAt !== null && (
          <span class="tile-sign hand" role="img" aria-label={t("tile.handRaised")}>
            <Icon name="hand" />
          </span>
        )}
      </div>
      <p class="tile-name">
        {!tile.isScreen && (
          <span
            class="tile-mic"
            role="img"
            aria-label={t(tile.isAudioMuted ? "tile.muted" : "tile.unmuted")}
            data-muted={tile.isAudioMuted}
          >
            <Icon name={tile.isAudioMuted ? "mic-off" : "mic"} />
          </span>
        )}
        <span class="tile-name-text">{label}</span>
      </p>
      {isCardOpen.value && (
        <ConnectionCard
          tile={tile}
          label={label}
          onClose={() => {
            isCardOpen.value = false;
          }}
        />
      )}
    </article>
  );
}

function TileMenu(props: {
  tile: TileModel;
  label: string;
  onConnection: () => void;
}): JSX.Element {
  const { tile, label } = props;
  const isPinned = view.value.pinned.includes(tile.id);
  const isLit = useSelected(() => isInSpotlight(tile), [tile]);
  const isModerator = useSelected((state) => state.isModerator);
  const mayModerate = isModerator && !tile.isLocal;
  return (
    <Popover
      class="tile-menu"
      testId="tile-menu"
      label={t("tile.menu", { name: label })}
      icon="ellipsis-vertical"
      isMenu
    >
      <MenuItem
        icon={isPinned ? "pin-off" : "pin"}
        text={t(isPinned ? "tile.unpin" : "tile.pin")}
        testId="tile-pin"
        onPick={() => togglePin(tile.id)}
      />
      {isModerator && (
        <MenuItem
          icon="spotlight"
          text={t(isLit ? "view.endSpotlight" : "tile.spotlight")}
          testId="tile-spotlight"
          onPick={() => toggleSpotlight(tile)}
        />
      )}
      <MenuItem
        icon="signal"
        text={t("tile.connection")}
        testId="tile-connection"
        onPick={props.onConnection}
      />
      {mayModerate && <ModeratorItems tile={tile} isSharing={tile.isScreen} />}
    </Popover>
  );
}

/** Always there: microphone, camera, share, hand, chat, people, leave; the rest behind "more". */
import type { JSX } from "preact";
import { inLanguage } from "../../protocol/theme";
import { dialog, panel, site, togglePanel, unread } from "../app";
import { Icon, type IconName } from "../icons";
import { language, t } from "../language";
import { useSelected } from "../selected";
import {
  canFullscreen,
  canShare,
  copyInvitation,
  leave,
  toggleCamera,
  toggleFullscreen,
  toggleHand,
  toggleMicrophone,
  toggleShare,
} from "./actions";
import { EncryptionItem } from "./encryption/badge";
import { useFullscreen } from "./fullscreen";
import { PanelItems } from "./panel-items";
import { MenuItem, MenuLink, Popover } from "./popover";
import { isHolding } from "./push-to-talk";
import { ReactionButton, ReactionRow } from "./reactions";

/** What is spoken contains what is seen, for people who say the name of a button. */
function nameWith(text: string, label: string): string {
  return label.toLowerCase().includes(text.toLowerCase()) ? label : `${text}: ${label}`;
}

interface ControlProps {
  readonly testId: string;
  readonly icon: IconName;
  readonly text: string;
  /** What pressing it does; the text alone names the thing. */
  readonly label: string;
  readonly shortcut?: string;
  readonly isPressed?: boolean;
  readonly isOff?: boolean;
  readonly class?: string;
  readonly count?: number;
  readonly onPress: () => void;
}

function Control(props: ControlProps): JSX.Element {
  const count = props.count ?? 0;
  const action = nameWith(props.text, props.label);
  const name = count > 0 ? `${action}, ${t("toolbar.unread", { count })}` : action;
  return (
    <button
      type="button"
      class={`control ${props.class ?? ""}`}
      data-testid={props.testId}
      data-off={props.isOff}
      aria-label={name}
      title={props.shortcut ? `${props.label} (${props.shortcut})` : props.label}
      aria-keyshortcuts={props.shortcut}
      aria-pressed={props.isPressed}
      onClick={props.onPress}
    >
      <Icon name={props.icon} />
      <span class="control-label" aria-hidden="true">
        {props.text}
      </span>
      {count > 0 && (
        <span class="count" data-testid="chat-unread" aria-hidden="true">
          {count > 99 ? "99+" : count}
        </span>
      )}
    </button>
  );
}

export function Toolbar(): JSX.Element {
  const local = useSelected((state) => state.local);
  const raisedHandAt = useSelected((state) => state.raisedHandAt);
  const people = useSelected((state) => state.participants.length) + 1;
  const isFullscreen = useFullscreen();
  const isMicOn = local.microphone === "on";
  const isCameraOn = local.camera === "on";
  const isSharing = local.share === "on";
  const isHandUp = raisedHandAt !== null;
  return (
    <section class="toolbar" aria-label={t("toolbar.label")}>
      <div class="toolbar-side" />
      <div class="toolbar-main">
        <Control
          testId="mic"
          icon={isMicOn ? "mic" : "mic-off"}
          text={t("toolbar.microphone")}
          label={t(
            isHolding.value ? "toolbar.holding" : isMicOn ? "toolbar.mute" : "toolbar.unmuteOrHold",
          )}
          shortcut="M"
          isOff={!isMicOn}
          onPress={toggleMicrophone}
        />
        <Control
          testId="camera"
          icon={isCameraOn ? "camera" : "camera-off"}
          text={t("toolbar.camera")}
          label={t(isCameraOn ? "toolbar.stopCamera" : "toolbar.startCamera")}
          shortcut="V"
          isOff={!isCameraOn}
          onPress={toggleCamera}
        />
        {canShare && (
          <Control
            testId="share"
            class="from-tablet"
            icon={isSharing ? "share-stop" : "share"}
            text={t("toolbar.share")}
            label={t(isSharing ? "toolbar.stopShare" : "toolbar.shareScreen")}
            shortcut="S"
            isPressed={isSharing}
            onPress={toggleShare}
          />
        )}
        <Control
          testId="hand"
          class="from-tablet"
          icon="hand"
          text={t("toolbar.hand")}
          label={t(isHandUp ? "toolbar.lowerHand" : "toolbar.raiseHand")}
          shortcut="R"
          isPressed={isHandUp}
          onPress={toggleHand}
        />
        <span class="from-tablet">
          <ReactionButton />
        </span>
        <Control
          testId="chat"
          icon="chat"
          text={t("toolbar.chat")}
          label={t("toolbar.chat")}
          shortcut="C"
          isPressed={panel.value === "chat"}
          count={unread.value}
          onPress={() => togglePanel("chat")}
        />
        <Control
          testId="people"
          class="from-tablet"
          icon="people"
          text={`${t("toolbar.people")} ${people}`}
          label={`${t("toolbar.people")} ${people}`}
          shortcut="P"
          isPressed={panel.value === "people"}
          onPress={() => togglePanel("people")}
        />
        <MoreMenu />
        <Control
          testId="leave"
          class="leave"
          icon="leave"
          text={t("toolbar.leave")}
          label={t("toolbar.leaveMeeting")}
          onPress={leave}
        />
      </div>
      <div class="toolbar-side end">
        <Control
          testId="invite"
          class="from-desktop"
          icon="user-plus"
          text={t("toolbar.invite")}
          label={t("toolbar.copyInvitation")}
          onPress={() => void copyInvitation()}
        />
        {canFullscreen && (
          <Control
            testId="fullscreen"
            class="from-desktop"
            icon={isFullscreen ? "minimize" : "maximize"}
            text={t("toolbar.fullscreen")}
            label={t(isFullscreen ? "toolbar.exitFullscreen" : "toolbar.fullscreen")}
            shortcut="F"
            onPress={toggleFullscreen}
          />
        )}
      </div>
    </section>
  );
}

/** Words, not icons alone; on a phone it also holds what the toolbar has no room for. */
function MoreMenu(): JSX.Element {
  const help = inLanguage(site.theme.links.help, language.value);
  const local = useSelected((state) => state.local);
  const raisedHandAt = useSelected((state) => state.raisedHandAt);
  return (
    <Popover
      class="control"
      contentClass="more-menu"
      testId="more"
      label={t("toolbar.more")}
      text={t("toolbar.more")}
      icon="ellipsis"
      isMenu
    >
      <div class="only-phone">
        <ReactionRow />
      </div>
      <MenuItem
        class="only-phone"
        icon="hand"
        text={t(raisedHandAt === null ? "toolbar.raiseHand" : "toolbar.lowerHand")}
        testId="menu-hand"
        onPick={toggleHand}
      />
      <MenuItem
        class="only-phone"
        icon="people"
        text={t("toolbar.people")}
        testId="menu-people"
        onPick={() => togglePanel("people")}
      />
      {canShare && (
        <MenuItem
          class="only-phone"
          icon="share"
          text={t(local.share === "on" ? "toolbar.stopShare" : "toolbar.shareScreen")}
          testId="menu-share"
          onPick={toggleShare}
        />
      )}
      <PanelItems />
      <MenuItem
        icon="user-plus"
        text={t("toolbar.copyInvitation")}
        testId="menu-invite"
        onPick={() => void copyInvitation()}
      />
      <MenuItem
        icon="settings"
        text={t("more.settings")}
        testId="menu-settings"
        onPick={() => {
          dialog.value = "settings";
        }}
      />
      <EncryptionItem />
      <MenuItem
        icon="list"
        text={t("more.log")}
        testId="menu-log"
        onPick={() => {
          dialog.value = "log";
        }}
      />
      <MenuItem
        class="from-tablet"
        icon="keyboard"
        text={t("more.shortcuts")}
        testId="menu-shortcuts"
        shortcut="?"
        onPick={() => {
          dialog.value = "shortcuts";
        }}
      />
      {help && <MenuLink icon="help" text={t("site.help")} href={help} testId="menu-help" />}
    </Popover>
  );
}

/** The one menu for what is seen, and how large. */
import type { JSX } from "preact";
import { meeting, view } from "../app";
import type { IconName } from "../icons";
import { type Key, t } from "../language";
import { useSelected } from "../selected";
import {
  canFullscreen,
  chooseLayout,
  toggleFullscreen,
  toggleSelf,
  toggleWithoutVideo,
} from "./actions";
import { canPopOut, poppedOut, togglePopOut } from "./pop-out";
import { MenuChoice, MenuItem, Popover } from "./popover";
import { LAYOUTS, type Layout } from "./staging";

const LAYOUT_ICONS: Readonly<Record<Layout, IconName>> = {
  auto: "layout-auto",
  grid: "tiles",
  speaker: "stage",
  beside: "beside",
};

export function ViewMenu({ isFullscreen }: { isFullscreen: boolean }): JSX.Element {
  const { layout, hidesSelf, hidesWithoutVideo } = view.value;
  const ownSpotlight = useSelected((state) => state.ownSpotlight);
  return (
    <Popover
      class="badge view-button"
      contentClass="view-menu"
      testId="view"
      label={t("view.menu")}
      text={t("view.menu")}
      icon="layout"
      isMenu
    >
      {LAYOUTS.map((each) => (
        <MenuChoice
          key={each}
          kind="radio"
          isChecked={layout === each}
          icon={LAYOUT_ICONS[each]}
          text={t(`view.layout.${each}` as Key)}
          testId={`view-${each}`}
          onPick={() => chooseLayout(each)}
        />
      ))}
      <hr />
      <MenuChoice
        kind="checkbox"
        isChecked={hidesSelf}
        icon="hide-self"
        text={t("view.hideSelf")}
        testId="view-hide-self"
        onPick={toggleSelf}
      />
      <MenuChoice
        kind="checkbox"
        isChecked={hidesWithoutVideo}
        icon="camera-off"
        text={t("view.hideWithoutVideo")}
        testId="view-hide-without-video"
        onPick={toggleWithoutVideo}
      />
      <hr />
      {ownSpotlight && (
        <MenuItem
          icon="spotlight"
          text={t("view.endSpotlight")}
          testId="view-end-spotlight"
          onPick={() => meeting.value?.setSpotlight(null)}
        />
      )}
      {canPopOut && (
        <MenuItem
          icon="pop-out"
          text={t(poppedOut.value ? "view.popIn" : "view.popOut")}
          testId="view-pop-out"
          onPick={() => void togglePopOut()}
        />
      )}
      {canFullscreen && (
        <MenuItem
          icon={isFullscreen ? "minimize" : "maximize"}
          text={t(isFullscreen ? "toolbar.exitFullscreen" : "toolbar.fullscreen")}
          testId="view-fullscreen"
          shortcut="F"
          onPick={toggleFullscreen}
        />
      )}
    </Popover>
  );
}

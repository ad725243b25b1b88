/** The panels that have no button of their own in the toolbar. */
import type { JSX } from "preact";
import { type Panel, togglePanel } from "../app";
import type { IconName } from "../icons";
import { t } from "../language";
import { panels } from "./intents";
import { MenuItem } from "./popover";

const ITEMS: readonly { which: Panel; icon: IconName }[] = [
  { which: "files", icon: "file" },
  { which: "polls", icon: "poll" },
  { which: "control", icon: "control" },
];

export function PanelItems(): JSX.Element {
  return (
    <>
      {ITEMS.filter(({ which }) => panels.value.includes(which)).map(({ which, icon }) => (
        <MenuItem
          key={which}
          icon={icon}
          text={t(`panel.${which}`)}
          testId={`menu-${which}`}
          onPick={() => togglePanel(which)}
        />
      ))}
    </>
  );
}

/** Top left: how the door of this room stands, each with an explanation. */
import type { JSX } from "preact";
import { Icon, type IconName } from "../icons";
import { t } from "../language";
import { useParts } from "../selected";
import { Popover } from "./popover";

function DoorBadge({ icon, which }: { icon: IconName; which: "lock" | "lobby" }): JSX.Element {
  const title = t(`badge.${which}`);
  return (
    <Popover class="badge" testId={`${which}-badge`} label={title} icon={icon} text={title}>
      <p class="popover-title">
        <Icon name={icon} />
        {title}
      </p>
      <p>{t(`badge.${which}Detail`)}</p>
    </Popover>
  );
}

export function DoorBadges(): JSX.Element {
  const { room } = useParts("rules").rules;
  return (
    <>
      {room.hasPassword && <DoorBadge icon="lock" which="lock" />}
      {room.isMembersOnly && <DoorBadge icon="door" which="lobby" />}
    </>
  );
}

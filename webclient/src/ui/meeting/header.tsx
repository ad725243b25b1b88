/** Top left: where you are, how long, and which way the media goes. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { conference } from "../app";
import { Icon } from "../icons";
import { formatDuration, t } from "../language";
import { useParts } from "../selected";
import { DoorBadges } from "./door-badges";
import { EncryptionBadge } from "./encryption/badge";
import { useFullscreen } from "./fullscreen";
import { Popover } from "./popover";
import { ViewMenu } from "./view-menu";

export function MeetingHeader({ room }: { room: string }): JSX.Element {
  const { mediaPath } = useParts("mediaPath");
  const isFullscreen = useFullscreen();
  return (
    <header class="meeting-head">
      <h1 class="room-name" title={room}>
        <span class="visually-hidden">{t("meeting.label")}</span> {room}
      </h1>
      <Duration />
      <DoorBadges />
      <Popover
        class="badge"
        testId="path-badge"
        label={t(`meeting.path.${mediaPath}`)}
        icon={mediaPath === "p2p" ? "direct" : "bridged"}
        text={t(`meeting.path.${mediaPath}`)}
      >
        <p class="popover-title">
          <Icon name={mediaPath === "p2p" ? "direct" : "bridged"} />
          {t(`meeting.path.${mediaPath}`)}
        </p>
        <p>{t(`meeting.path.${mediaPath}Detail`)}</p>
      </Popover>
      <EncryptionBadge />
      <ViewMenu isFullscreen={isFullscreen} />
    </header>
  );
}

function Duration(): JSX.Element {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => window.clearInterval(timer);
  }, []);
  const since = conference.value.joinedAt ?? now.value;
  return (
    <time class="duration" title={t("meeting.duration")}>
      {formatDuration(now.value - since)}
    </time>
  );
}

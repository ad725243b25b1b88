/** Makes a link for somebody who leads, and shows it where it cannot be copied. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { conference, dialog, meeting, roomLink } from "../app";
import { Icon } from "../icons";
import { formatTime, t } from "../language";
import { Modal } from "./modal";

const made = signal({ link: "", expiresAt: 0 });

async function make(): Promise<void> {
  const key = await meeting.value?.inviting.key();
  if (!key) {
    meeting.value?.notice("leader-link-refused");
    return;
  }
  const link = `${roomLink(conference.value.room)}?jwt=${encodeURIComponent(key.token)}`;
  try {
    await navigator.clipboard.writeText(link);
    meeting.value?.notice("leader-link-copied", formatTime(key.expiresAt));
  } catch {
    made.value = { link, expiresAt: key.expiresAt };
    dialog.value = "leader-link";
  }
}

export function LeaderLinkButton(): JSX.Element {
  return (
    <button type="button" class="button" data-testid="leader-link" onClick={() => void make()}>
      <Icon name="user-plus" />
      {t("control.leaderLink")}
    </button>
  );
}

export function LeaderLinkDialog(): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <Modal title={t("control.leaderLink")}>
      <div class="stack">
        <p>{t("leaderLink.detail", { time: formatTime(made.value.expiresAt) })}</p>
        <input
          ref={field}
          class="field"
          readOnly
          aria-label={t("control.leaderLink")}
          data-testid="leader-link-address"
          value={made.value.link}
          onFocus={(event) => event.currentTarget.select()}
        />
      </div>
    </Modal>
  );
}

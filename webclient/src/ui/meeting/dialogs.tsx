/** What opens over the meeting: invitation, devices, notices, shortcuts. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { conference, dialog, meeting, roomLink } from "../app";
import { DeviceMenus } from "../device-menus";
import { formatTime, type Key, t } from "../language";
import { LanguageSelect } from "../language-select";
import { remember } from "../preferences";
import { SoundSettings } from "../sound-settings";
import { COMMAND_NAMES, COMMANDS, usageOf } from "./chat-commands";
import { EncryptionDialog } from "./encryption/badge";
import { iMay } from "./intents";
import { LeaderLinkDialog } from "./leader-link";
import { Modal } from "./modal";
import { EndForAllDialog, RemoveDialog } from "./moderation-dialogs";
import { noticeText } from "./notices";
import { SpeakingTimes } from "./speaking-times";

export function Dialogs({ room }: { room: string }): JSX.Element | null {
  switch (dialog.value) {
    case "invite":
      return <Invite room={room} />;
    case "settings":
      return <Settings />;
    case "log":
      return <Log />;
    case "shortcuts":
      return <Shortcuts />;
    case "remove":
      return <RemoveDialog />;
    case "end-for-all":
      return <EndForAllDialog />;
    case "times":
      return <SpeakingTimes />;
    case "leader-link":
      return <LeaderLinkDialog />;
    case "encryption":
      return <EncryptionDialog />;
    default:
      return null;
  }
}

function Invite({ room }: { room: string }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.select(), []);
  return (
    <Modal title={t("invite.title")}>
      <div class="stack">
        <p>{t("invite.detail")}</p>
        <input
          ref={field}
          class="field"
          readOnly
          aria-label={t("invite.link")}
          data-testid="invite-link"
          value={roomLink(room)}
          onFocus={(event) => event.currentTarget.select()}
        />
      </div>
    </Modal>
  );
}

function Settings(): JSX.Element {
  return (
    <Modal title={t("settings.title")}>
      <div class="stack">
        <label class="label" for="settings-name">
          {t("check.name")}
        </label>
        <input
          id="settings-name"
          class="field"
          maxLength={80}
          autocomplete="name"
          disabled={!iMay("rename")}
          value={conference.value.displayName}
          onChange={(event) => {
            const displayName = event.currentTarget.value.trim();
            remember({ displayName });
            meeting.value?.setDisplayName(displayName);
          }}
        />
        <DeviceMenus />
        <SoundSettings />
        <label class="label" for="settings-language">
          {t("language.label")}
        </label>
        <LanguageSelect id="settings-language" class="field" />
        <button
          type="button"
          class="button primary"
          onClick={() => {
            dialog.value = null;
          }}
        >
          {t("settings.done")}
        </button>
      </div>
    </Modal>
  );
}

function Log(): JSX.Element {
  const { notices } = conference.value;
  return (
    <Modal title={t("log.title")}>
      {notices.length === 0 ? (
        <p class="label">{t("log.empty")}</p>
      ) : (
        <ol class="log">
          {notices.toReversed().map((notice) => (
            <li key={notice.id}>
              <time>{formatTime(notice.at)}</time>
              <span>{noticeText(notice)}</span>
            </li>
          ))}
        </ol>
      )}
    </Modal>
  );
}

const HELP: readonly [string, Key][] = [
  ["M", "shortcuts.m"],
  ["Space", "shortcuts.space"],
  ["V", "shortcuts.v"],
  ["S", "shortcuts.s"],
  ["C", "shortcuts.c"],
  ["P", "shortcuts.p"],
  ["R", "shortcuts.r"],
  ["W", "shortcuts.w"],
  ["F", "shortcuts.f"],
  ["Esc", "shortcuts.escape"],
  ["?", "shortcuts.help"],
];

function Shortcuts(): JSX.Element {
  return (
    <Modal title={t("shortcuts.title")}>
      <dl class="shortcuts">
        {HELP.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key === "Space" ? t("shortcuts.spaceKey") : key}</kbd>
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
      <h3>{t("command.title")}</h3>
      <dl class="shortcuts commands">
        {COMMAND_NAMES.map((name) => (
          <div key={name}>
            <dt>
              <code>{usageOf(name, t("command.who"), t("command.what"))}</code>
            </dt>
            <dd>{t(COMMANDS[name].does)}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

/** The doors of the room: the lobby and the password. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { conference, meeting, site } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { LeaderLinkButton } from "./leader-link";
import { displayNameOf } from "./names";
import { Switch } from "./switch";

export function Doors(): JSX.Element {
  const { room } = conference.value.rules;
  return (
    <>
      <Switch
        label={t("control.lobby")}
        detail={t("control.lobbyDetail")}
        testId="lobby-switch"
        isOn={room.isMembersOnly}
        onSwitch={(on) => void meeting.value?.moderation.setLobby(on)}
      />
      <Password hasPassword={room.hasPassword} />
      {(site.hasLogins || site.signInUrl !== "") && (
        <div class="control-buttons">
          <LeaderLinkButton />
        </div>
      )}
      <Banned />
    </>
  );
}

/** Whom we have removed for good: a mistake can be put right. */
function Banned(): JSX.Element | null {
  const { banned } = conference.value;
  if (banned.length === 0) return null;
  return (
    <ul class="banned" aria-label={t("control.banned")}>
      {banned.map(({ jid, name }) => (
        <li key={jid}>
          <span>
            {displayNameOf(name)} <span class="label">{t("control.banned")}</span>
          </span>
          <button
            type="button"
            class="button"
            data-testid="lift-ban"
            onClick={() => void meeting.value?.moderation.liftBan(jid)}
          >
            {t("control.liftBan")}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Password({ hasPassword }: { hasPassword: boolean }): JSX.Element {
  const isSetting = useSignal(false);
  const text = useSignal("");
  const set = async (password: string): Promise<void> => {
    if (!(await meeting.value?.moderation.setPassword(password))) return;
    isSetting.value = false;
    text.value = "";
  };
  if (isSetting.value) {
    return (
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.value.trim() !== "") void set(text.value.trim());
        }}
      >
        <label class="label" for="room-password">
          {t("control.newPassword")}
        </label>
        <div class="choice-row">
          <input
            id="room-password"
            class="field"
            data-testid="room-password"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            maxLength={100}
            autofocus
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
          <button
            type="submit"
            class="button primary"
            data-testid="set-password"
            disabled={text.value.trim() === ""}
          >
            {t("control.setPassword")}
          </button>
        </div>
      </form>
    );
  }
  return (
    <div class="control-buttons">
      <button
        type="button"
        class="button"
        data-testid="new-password"
        onClick={() => {
          isSetting.value = true;
        }}
      >
        <Icon name="lock" />
        {t(hasPassword ? "control.changePassword" : "control.addPassword")}
      </button>
      {hasPassword && (
        <button
          type="button"
          class="button"
          data-testid="remove-password"
          onClick={() => void set("")}
        >
          <Icon name="unlock" />
          {t("control.removePassword")}
        </button>
      )}
    </div>
  );
}

/** Opening the groups, for how long, and what is said to all of them. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { useCountdown } from "./countdown";

/** Minutes a moderator chooses from; 0: until further notice. */
const MINUTES = [0, 5, 10, 15, 20, 30, 45, 60] as const;

function seconds(minutes: number): number | null {
  return minutes === 0 ? null : minutes * 60;
}

function minutesText(minutes: number): string {
  return minutes === 0 ? t("groups.noLimit") : t("groups.minutes", { count: minutes });
}

export function GroupsOpen(): JSX.Element {
  const { plan } = conference.value.breakouts;
  const minutes = useSignal(15);
  const left = useCountdown(plan.endsAt);
  const groups = meeting.value?.groups;
  return (
    <>
      <div class="who-may">
        <label for="group-minutes">
          {plan.isOpen && left !== "" ? t("groups.left", { time: left }) : t("groups.howLong")}
        </label>
        <select
          id="group-minutes"
          class="field"
          data-testid="group-minutes"
          value={plan.isOpen ? "" : minutes.value}
          onChange={(event) => {
            const chosen = Number(event.currentTarget.value);
            minutes.value = chosen;
            if (plan.isOpen) groups?.order({ kind: "limit-time", seconds: seconds(chosen) });
          }}
        >
          {plan.isOpen && <option value="">{t("groups.changeTime")}</option>}
          {MINUTES.map((each) => (
            <option key={each} value={each}>
              {minutesText(each)}
            </option>
          ))}
        </select>
      </div>
      {plan.isOpen ? (
        <>
          <SayToAll />
          <button
            type="button"
            class="button primary"
            data-testid="groups-close"
            onClick={() => groups?.order({ kind: "close" })}
          >
            <Icon name="groups" />
            {t("groups.callBack")}
          </button>
        </>
      ) : (
        <button
          type="button"
          class="button primary"
          data-testid="groups-open"
          onClick={() => groups?.order({ kind: "open", seconds: seconds(minutes.value) })}
        >
          <Icon name="groups" />
          {t("groups.open")}
        </button>
      )}
    </>
  );
}

function SayToAll(): JSX.Element {
  const text = useSignal("");
  return (
    <form
      class="choice-row"
      onSubmit={(event) => {
        event.preventDefault();
        const said = text.value.trim();
        if (said === "") return;
        meeting.value?.groups.order({ kind: "broadcast", text: said });
        text.value = "";
      }}
    >
      <input
        class="field"
        data-testid="group-broadcast"
        maxLength={1000}
        placeholder={t("groups.sayToAll")}
        aria-label={t("groups.sayToAll")}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
      />
      <button
        type="submit"
        class="button square"
        data-testid="group-broadcast-send"
        aria-label={t("chat.send")}
        title={t("chat.send")}
        disabled={text.value.trim() === ""}
      >
        <Icon name="announce" />
      </button>
    </form>
  );
}

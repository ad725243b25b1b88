/** Questions before what cannot be undone: removing somebody, ending for all. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { conference, dialog, meeting } from "../app";
import { t } from "../language";
import { removing } from "./intents";
import { Modal } from "./modal";
import { nameOf } from "./names";

function close(): void {
  dialog.value = null;
}

export function RemoveDialog(): JSX.Element {
  const reason = useSignal("");
  const endpoint = removing.value;
  const isHere = conference.value.participants.some((each) => each.id === endpoint);
  const name = nameOf(endpoint);
  const remove = (forGood: boolean): void => {
    const moderation = meeting.value?.moderation;
    const why = reason.value.trim();
    if (forGood) void moderation?.ban(endpoint, why);
    else void moderation?.remove(endpoint, why);
    close();
  };
  if (!isHere) {
    return (
      <Modal title={t("remove.title", { name })}>
        <p>{t("remove.gone")}</p>
      </Modal>
    );
  }
  return (
    <Modal title={t("remove.title", { name })}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          remove(false);
        }}
      >
        <label class="label" for="remove-reason">
          {t("remove.reason")}
        </label>
        <input
          id="remove-reason"
          class="field"
          data-testid="remove-reason"
          maxLength={200}
          value={reason.value}
          onInput={(event) => {
            reason.value = event.currentTarget.value;
          }}
        />
        <p class="label">{t("remove.detail")}</p>
        <div class="form-buttons">
          <button type="button" class="button" onClick={close}>
            {t("cancel")}
          </button>
          <button
            type="button"
            class="button"
            data-testid="remove-for-good"
            onClick={() => remove(true)}
          >
            {t("remove.forGood")}
          </button>
          <button type="submit" class="button danger" data-testid="remove-now">
            {t("remove.now")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

export function EndForAllDialog(): JSX.Element {
  const people = conference.value.participants.length + 1;
  return (
    <Modal title={t("end.title")}>
      <div class="stack">
        <p>{t("end.detail", { count: people })}</p>
        <div class="form-buttons">
          <button type="button" class="button" onClick={close}>
            {t("cancel")}
          </button>
          <button
            type="button"
            class="button danger"
            data-testid="end-now"
            onClick={() => {
              meeting.value?.moderation.endForAll();
              close();
            }}
          >
            {t("end.now")}
          </button>
        </div>
      </div>
    </Modal>
  );
}

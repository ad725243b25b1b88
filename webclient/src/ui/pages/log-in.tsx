/** Showing that one has an account here, so that one may open this room. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { meeting } from "../app";
import { t } from "../language";

export function LogInDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const user = useSignal("");
  const password = useSignal("");
  const state = useSignal<"asking" | "checking" | "wrong" | "unreachable">("asking");
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);

  const logIn = async (): Promise<void> => {
    state.value = "checking";
    const result = await meeting.value?.logIn(user.value.trim(), password.value);
    if (result === "in") onClose();
    else state.value = result ?? "unreachable";
  };
  return (
    <dialog ref={box} aria-label={t("logIn.title")} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void logIn();
        }}
      >
        <h2>{t("logIn.title")}</h2>
        <label class="label" for="log-in-user">
          {t("logIn.user")}
        </label>
        <input
          id="log-in-user"
          class="field"
          data-testid="log-in-user"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          required
          value={user.value}
          onInput={(event) => {
            user.value = event.currentTarget.value;
          }}
        />
        <label class="label" for="log-in-password">
          {t("logIn.password")}
        </label>
        <input
          id="log-in-password"
          class="field"
          type="password"
          data-testid="log-in-password"
          autocomplete="current-password"
          required
          value={password.value}
          onInput={(event) => {
            password.value = event.currentTarget.value;
          }}
        />
        {(state.value === "wrong" || state.value === "unreachable") && (
          <p class="hint" role="alert" data-testid="log-in-problem">
            {t(state.value === "wrong" ? "logIn.wrong" : "logIn.unreachable")}
          </p>
        )}
        <div class="form-buttons">
          <button type="button" class="button" onClick={() => box.current?.close()}>
            {t("cancel")}
          </button>
          <button
            type="submit"
            class="button primary"
            data-testid="log-in-enter"
            disabled={state.value === "checking"}
          >
            {t(state.value === "checking" ? "logIn.checking" : "logIn.enter")}
          </button>
        </div>
      </form>
    </dialog>
  );
}

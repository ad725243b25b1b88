/** Name and password of an administrator, or the way to the house's own provider. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { t } from "../language";
import type { Failure } from "./api";
import { hasSignIn, signIn } from "./state";

/** Where the server sends the browser when the provider knows somebody who is none. */
const REFUSED = "#no-administrator";

export function SignInForm(): JSX.Element {
  const name = useSignal("");
  const password = useSignal("");
  const failure = useSignal<Failure | null>(
    window.location.hash === REFUSED ? "no-administrator" : null,
  );
  const isAsking = useSignal(false);

  const enter = async (): Promise<void> => {
    isAsking.value = true;
    failure.value = await signIn(name.value.trim(), password.value);
    isAsking.value = false;
  };
  return (
    <section class="admin-sign-in stack" aria-labelledby="sign-in-title">
      <h1 id="sign-in-title">{t("admin.sign-in.title")}</h1>
      <p class="lead">{t("admin.sign-in.lead")}</p>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <label class="label" for="admin-name">
          {t("logIn.user")}
        </label>
        <input
          id="admin-name"
          class="field"
          data-testid="admin-name"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          autofocus
          required
          value={name.value}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
        <label class="label" for="admin-password">
          {t("logIn.password")}
        </label>
        <input
          id="admin-password"
          class="field"
          type="password"
          data-testid="admin-password"
          autocomplete="current-password"
          required
          value={password.value}
          onInput={(event) => {
            password.value = event.currentTarget.value;
          }}
        />
        {failure.value && (
          <p class="hint" role="alert" data-testid="sign-in-problem">
            {t(`admin.failure.${failure.value}`)}
          </p>
        )}
        <button
          type="submit"
          class="button primary"
          data-testid="sign-in"
          disabled={isAsking.value}
        >
          {t("logIn.enter")}
        </button>
      </form>
      {hasSignIn.value && (
        <a class="button" href="/sign-in?for=admin" data-testid="sign-in-provider">
          {t("admin.sign-in.provider")}
        </a>
      )}
    </section>
  );
}

/** What is around every view: the site's name, where one can go, who one is. */
import type { JSX } from "preact";
import { t } from "../language";
import { LanguageSelect } from "../language-select";
import { Now } from "./now";
import { RoomView } from "./room-view";
import { SignInForm } from "./sign-in-form";
import { account, addressOf, done, isUnreachable, signOut, site, view } from "./state";
import { UsageView } from "./usage-view";

export function AdminPage(): JSX.Element {
  return (
    <div class="frame">
      <header class="frame-head admin-head">
        <a class="brand" href="/admin#/">
          <img src={site.theme.hasLogo ? "/site/logo" : "/favicon.svg"} alt="" height="28" />
          <span>{t("admin.title")}</span>
        </a>
        {account.value && <Ways />}
        <div class="admin-who">
          <div class="language-menu">
            <label class="visually-hidden" for="page-language">
              {t("language.label")}
            </label>
            <LanguageSelect id="page-language" data-testid="language" />
          </div>
          {account.value && (
            <button
              type="button"
              class="button quiet"
              data-testid="sign-out"
              title={account.value.display_name}
              onClick={() => void signOut()}
            >
              {t("admin.sign-out")}
            </button>
          )}
        </div>
      </header>
      <main class="frame-main admin-main">
        {isUnreachable.value && (
          <p class="hint" role="alert">
            {t("admin.unreachable")}
          </p>
        )}
        <p class="admin-done" role="status" data-testid="done">
          {done.value}
        </p>
        <Shown />
      </main>
    </div>
  );
}

function Ways(): JSX.Element {
  const shown = view.value.kind;
  return (
    <nav class="admin-ways" aria-label={t("admin.title")}>
      <a href={addressOf({ kind: "now" })} aria-current={shown === "usage" ? undefined : "page"}>
        {t("admin.now")}
      </a>
      <a
        href={addressOf({ kind: "usage", month: "" })}
        aria-current={shown === "usage" ? "page" : undefined}
        data-testid="usage"
      >
        {t("admin.usage")}
      </a>
    </nav>
  );
}

function Shown(): JSX.Element | null {
  if (account.value === undefined) return null;
  if (account.value === null) return <SignInForm />;
  const wanted = view.value;
  switch (wanted.kind) {
    case "now":
      return <Now />;
    case "room":
      return <RoomView name={wanted.room} />;
    case "usage":
      return <UsageView />;
  }
}

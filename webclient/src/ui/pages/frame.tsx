/** What every page outside the meeting has around it: the site's name and the language. */
import type { ComponentChildren, JSX } from "preact";
import { site } from "../app";
import { t } from "../language";
import { LanguageSelect } from "../language-select";

export function Frame({
  children,
  wide = false,
}: {
  children: ComponentChildren;
  wide?: boolean;
}): JSX.Element {
  return (
    <div class="frame">
      <header class="frame-head">
        <a class="brand" href="/">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          <span>{site.siteName}</span>
        </a>
        <LanguageMenu />
      </header>
      <main class={wide ? "frame-main wide" : "frame-main"}>{children}</main>
    </div>
  );
}

function LanguageMenu(): JSX.Element {
  return (
    <div class="language-menu">
      <label class="visually-hidden" for="page-language">
        {t("language.label")}
      </label>
      <LanguageSelect id="page-language" data-testid="language" />
    </div>
  );
}

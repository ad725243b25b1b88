/** What every page outside the meeting has around it: the site's name and the language. */
import type { ComponentChildren, JSX } from "preact";
import { inLanguage, LINKS } from "../../protocol/theme";
import { site } from "../app";
import { language, t } from "../language";
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
          <Logo />
          <span>{site.siteName}</span>
        </a>
        <LanguageMenu />
      </header>
      <main class={wide ? "frame-main wide" : "frame-main"}>{children}</main>
      <SiteLinks />
    </div>
  );
}

/** Beside the site's name, so it says nothing of its own. */
function Logo(): JSX.Element {
  const { hasLogo, hasDarkLogo } = site.theme;
  if (!hasLogo) return <img class="logo" src="/favicon.svg" alt="" />;
  return (
    <picture>
      {hasDarkLogo && <source srcset="/site/logo-dark" media="(prefers-color-scheme: dark)" />}
      {/* Made for light pages, it could be as dark as the page. */}
      <img class={hasDarkLogo ? "logo" : "logo on-plate"} src="/site/logo" alt="" />
    </picture>
  );
}

/** Where the site's owners explain themselves. */
function SiteLinks(): JSX.Element | null {
  const links = LINKS.flatMap((kind) => {
    const href = inLanguage(site.theme.links[kind], language.value);
    return href ? [{ kind, href }] : [];
  });
  if (links.length === 0) return null;
  return (
    <footer class="frame-foot" data-testid="site-links">
      {links.map(({ kind, href }) => (
        <a key={kind} href={href} rel="noreferrer">
          {t(`site.${kind}`)}
        </a>
      ))}
    </footer>
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

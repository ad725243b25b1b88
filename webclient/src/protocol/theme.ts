/** A site's own words and links, as `/config.js` tells them. */

export const LINKS = ["help", "privacy", "imprint"] as const;
export type Link = (typeof LINKS)[number];

/** By language. */
export type Worded = Readonly<Record<string, string>>;

export interface SiteTheme {
  readonly hasLogo: boolean;
  /** Another one for dark pages. */
  readonly hasDarkLogo: boolean;
  readonly welcome: Worded;
  readonly links: Readonly<Record<Link, Worded>>;
}

function worded(raw: unknown): Worded {
  if (typeof raw !== "object" || raw === null) return {};
  return Object.fromEntries(
    Object.entries(raw).filter((each): each is [string, string] => typeof each[1] === "string"),
  );
}

export function readTheme(raw: unknown): SiteTheme {
  const { logo, logoDark, welcome, links } = (raw ?? {}) as Record<string, unknown>;
  const given = (links ?? {}) as Record<string, unknown>;
  return {
    hasLogo: logo === true,
    hasDarkLogo: logoDark === true,
    welcome: worded(welcome),
    links: {
      help: worded(given.help),
      privacy: worded(given.privacy),
      imprint: worded(given.imprint),
    },
  };
}

/** In the language asked for, else in English, else in whichever there is. */
export function inLanguage(words: Worded, language: string): string | undefined {
  return words[language] ?? words.en ?? Object.values(words)[0];
}

/** The four languages: which one, and its words. Each is complete (a test compares the keys). */
import { signal } from "@preact/signals";
import { createInstance } from "i18next";
import { readOverrides } from "../embedding/overrides";
import en from "./i18n/en.json";
import { remember, remembered } from "./preferences";

export type Words = typeof en;
type Plural<K> = K extends `${infer Base}_one` | `${infer Base}_other` ? Base : K;
export type Key = Plural<keyof Words>;

export const LANGUAGES = ["en", "es", "fr", "it"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language's own name, so that whoever needs it can read it. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: "English",
  es: "Español",
  fr: "Français",
  it: "Italiano",
};

const LOADERS: Readonly<Record<Language, () => Promise<{ default: Words }>>> = {
  en: () => Promise.resolve({ default: en }),
  es: () => import("./i18n/es.json"),
  fr: () => import("./i18n/fr.json"),
  it: () => import("./i18n/it.json"),
};

const i18n = createInstance();
export const language = signal<Language>("en");

/** The first language the person reads that we speak. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0];
    const found = LANGUAGES.find((each) => each === base);
    if (found) return found;
  }
  return "en";
}

export async function startLanguage(): Promise<void> {
  await i18n.init({
    lng: "en",
    fallbackLng: "en",
    resources: { en: { translation: en } },
    keySeparator: false,
    nsSeparator: false,
    // Text goes through the DOM as text: nothing is left to escape.
    interpolation: { escapeValue: false },
  });
  await setLanguage(
    preferredLanguage([
      readOverrides(window.location.hash).language ?? "",
      remembered().language,
      ...navigator.languages,
    ]),
    false,
  );
}

export async function setLanguage(next: Language, keep = true): Promise<void> {
  const words = await LOADERS[next]();
  i18n.addResourceBundle(next, "translation", words.default);
  await i18n.changeLanguage(next);
  document.documentElement.lang = next;
  if (keep) remember({ language: next });
  language.value = next;
}

/** The words for a key; reading `language` makes whoever shows them follow a switch. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  void language.value;
  return i18n.t(key, values);
}

export function formatDate(at: number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: "medium" }).format(at);
}

export function formatTime(at: number): string {
  return new Intl.DateTimeFormat(language.value, { hour: "2-digit", minute: "2-digit" }).format(at);
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** A file's size, in the unit people would say. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(language.value, {
    style: "unit",
    unit: UNITS[unit]!,
    unitDisplay: "short",
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/** Hours only when there are any: 4:05, 1:04:05. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

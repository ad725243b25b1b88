/** The choice of a language, each by its own name. */
import type { JSX } from "preact";
import { LANGUAGE_NAMES, LANGUAGES, type Language, language, setLanguage } from "./language";

export function LanguageSelect(props: JSX.IntrinsicElements["select"]): JSX.Element {
  return (
    <select
      {...props}
      value={language.value}
      onChange={(event) => void setLanguage(event.currentTarget.value as Language)}
    >
      {LANGUAGES.map((each) => (
        <option key={each} value={each} lang={each}>
          {LANGUAGE_NAMES[each]}
        </option>
      ))}
    </select>
  );
}

/** Initials on a colour derived from the id, the same for everybody who sees them. */
import type { JSX } from "preact";
import { Icon } from "./icons";

export function initials(name: string): string {
  const words = name
    .trim()
    .split(/\s+/)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letter = (word: string | undefined): string =>
    Array.from(word?.replace(/[^\p{L}\p{N}]/gu, "") ?? "")[0] ?? "";
  const both = words.length > 1 ? letter(words[0]) + letter(words.at(-1)) : letter(words[0]);
  return both.toLocaleUpperCase();
}

/** One of twelve hues, so that two people rarely look the same. */
export function hueOf(id: string): number {
  let hash = 7;
  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) >>> 0;
  return (hash % 12) * 30 + 10;
}

export function Avatar({ id, name }: { id: string; name: string }): JSX.Element {
  return (
    <span class="avatar" aria-hidden="true" style={{ "--hue": String(hueOf(id)) }}>
      {initials(name) || <Icon name="person" />}
    </span>
  );
}

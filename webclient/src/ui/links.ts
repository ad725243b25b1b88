/** Links in chat: only http and https, taken from plain text, never from markup. */
export type TextPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

const LINK = /https?:\/\/[^\s<>"'`]+/gi;
/** Punctuation after a link belongs to the sentence. */
const TRAILING = /[.,;:!?…)\]}»”’]+$/;

export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const raw = match[0];
    // A closing bracket that was opened inside the link is part of it.
    const trailing = TRAILING.exec(raw)?.[0] ?? "";
    const kept =
      trailing.startsWith(")") && raw.includes("(")
        ? raw.slice(0, raw.length - trailing.length + 1)
        : raw.slice(0, raw.length - trailing.length);
    let href: string;
    try {
      href = new URL(kept).href;
    } catch {
      continue;
    }
    if (match.index > end) parts.push({ kind: "text", text: text.slice(end, match.index) });
    parts.push({ kind: "link", text: kept, href });
    end = match.index + kept.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

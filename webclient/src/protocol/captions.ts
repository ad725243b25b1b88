/** What a transcriber writes down (`transcription-result`) or translates (`translation-result`). */
import { asText, isObject, type Json } from "./components";
import type { EndpointId } from "./ids";

export interface CaptionLine {
  /** The same while a sentence grows. */
  readonly id: string;
  readonly speaker: EndpointId;
  /** As the transcriber knows it, for speakers who are gone. */
  readonly name: string;
  readonly text: string;
  readonly language: string;
  /** The sentence still grows. */
  readonly isInterim: boolean;
}

const MAX_TEXT = 1_000;

export function parseCaption(payload: Json): CaptionLine | undefined {
  const spoken = payload.type === "transcription-result";
  if (!spoken && payload.type !== "translation-result") return undefined;
  const { participant, transcript } = payload;
  const id = asText(payload.message_id);
  const text = spoken
    ? (Array.isArray(transcript) ? transcript : [])
        .map((part: unknown) => (isObject(part) ? asText(part.text) : ""))
        .join(" ")
    : asText(payload.text);
  if (id === "" || text.trim() === "" || !isObject(participant)) return undefined;
  return {
    id,
    speaker: asText(participant.id),
    name: asText(participant.name).slice(0, 120),
    text: text.trim().slice(0, MAX_TEXT),
    language: asText(payload.language),
    isInterim: payload.is_interim === true,
  };
}

/** How long each has spoken (signalling notes 6.7); whoever has left stays in the list. */
import { asNumber, asText, isObject, type Json } from "./components";
import type { EndpointId } from "./ids";
import { NS } from "./ns";
import { type Xml, xml } from "./xml";

export interface SpeakerTime {
  readonly id: EndpointId;
  readonly name: string;
  readonly ms: number;
}

export function parseSpeakerTimes(payload: Json): SpeakerTime[] {
  if (!isObject(payload.users)) return [];
  return Object.entries(payload.users)
    .filter((entry): entry is [string, Json] => isObject(entry[1]))
    .map(([id, user]) => ({
      id,
      name: asText(user.displayName),
      ms: asNumber(user.totalDominantSpeakerTime) ?? 0,
    }));
}

/** Said by the one who is the dominant speaker now. */
export function buildSpeaking(room: string): Xml {
  return xml("speakerstats", { xmlns: NS.jitmeet, room, silence: "false" });
}

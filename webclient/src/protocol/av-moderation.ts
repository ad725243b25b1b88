/** Who may switch on microphone, camera and screen (signalling notes 6.3). */
import { asText, asTexts, isObject, type Json } from "./components";
import { type EndpointId, resourceOf } from "./ids";
import { type Xml, xml } from "./xml";

export const MODERATED_MEDIA = ["audio", "video", "desktop"] as const;
export type ModeratedMedia = (typeof MODERATED_MEDIA)[number];

export type AvModerationMessage =
  /** Everybody must ask from now on, or nobody. */
  | { kind: "switched"; media: ModeratedMedia; isOn: boolean; actor: EndpointId }
  /** Told to moderators: who needs not ask. */
  | { kind: "allowed"; media: ModeratedMedia; endpoints: readonly EndpointId[] }
  /** Told to the one it is about. */
  | { kind: "own"; media: ModeratedMedia; isAllowed: boolean };

function asMedia(value: unknown): ModeratedMedia | undefined {
  return MODERATED_MEDIA.find((each) => each === value);
}

export function parseAvModeration(payload: Json): AvModerationMessage | undefined {
  if (isObject(payload.whitelists)) {
    const entry = Object.entries(payload.whitelists).find(([key]) => asMedia(key));
    const media = asMedia(entry?.[0]);
    if (!media) return undefined;
    return { kind: "allowed", media, endpoints: asTexts(entry?.[1]).map(resourceOf) };
  }
  const media = asMedia(payload.mediaType);
  if (!media) return undefined;
  if (typeof payload.enabled === "boolean") {
    return {
      kind: "switched",
      media,
      isOn: payload.enabled,
      actor: resourceOf(asText(payload.actor)),
    };
  }
  if (payload.approved === true) return { kind: "own", media, isAllowed: true };
  if (payload.removed === true) return { kind: "own", media, isAllowed: false };
  return undefined;
}

export function buildAskFirst(media: ModeratedMedia, isOn: boolean): Xml {
  return xml("av_moderation", { enable: String(isOn), mediaType: media });
}

/** Allow somebody, or take it back. `occupantJid` is the one in the room. */
export function buildAllow(media: ModeratedMedia, occupantJid: string, isAllowed: boolean): Xml {
  return xml("av_moderation", {
    [isAllowed ? "jidToWhitelist" : "jidToBlacklist"]: occupantJid,
    mediaType: media,
  });
}

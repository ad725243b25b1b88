/** What one participant can send at once: microphone, camera, the screen and its sound. */
import type { MediaKind } from "../protocol/ids";
import type { LocalMedia } from "./local-media";

export interface LocalSlot {
  readonly kind: MediaKind;
  /** 0 = microphone or camera, 1 = the screen and its sound. */
  readonly index: number;
}

export const SLOTS: readonly LocalSlot[] = [
  { kind: "audio", index: 0 },
  { kind: "video", index: 0 },
  { kind: "audio", index: 1 },
  { kind: "video", index: 1 },
];

export function slotKey(slot: LocalSlot): string {
  return `${slot.kind}${slot.index}`;
}

/** `isPresent` is false for a screen that is not shared: then there is no such source at all. */
export interface SlotTrack {
  readonly track: MediaStreamTrack | null;
  readonly isPresent: boolean;
}

export function slotTrack(local: LocalMedia, { kind, index }: LocalSlot): SlotTrack {
  if (index === 0) {
    return { track: kind === "audio" ? local.microphoneTrack : local.cameraTrack, isPresent: true };
  }
  const track = kind === "audio" ? local.screenAudioTrack : local.screenTrack;
  return { track, isPresent: track !== null };
}

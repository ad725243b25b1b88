/** How much each encoder makes: layers of the camera, and none that nobody wants. */
import type { LocalSlot } from "./local-slots";

/** Heights (shorter side) the three layers have when the camera gives 720 lines. */
const LAYER_HEIGHTS = [180, 360, 720] as const;
const LAYER_BITRATES_BPS = [200_000, 700_000, 2_500_000] as const;
const SCREEN_BITRATE_BPS = 2_500_000;
const P2P_CAMERA_BITRATE_BPS = 2_500_000;

/** A layer is sent when somebody wants more than the layer below gives; -1 wants all there is. */
export function isLayerWanted(layer: number, maxHeight: number): boolean {
  if (maxHeight < 0) return true;
  const below = layer === 0 ? 0 : (LAYER_HEIGHTS[layer - 1] ?? 0);
  return maxHeight > below;
}

/** @param wanted the largest height anybody asks for, in lines; 0 stops the source. */
export async function applyEncodings(
  sender: RTCRtpSender,
  slot: LocalSlot,
  wanted: number,
): Promise<void> {
  const parameters = sender.getParameters();
  const count = parameters.encodings?.length ?? 0;
  if (count === 0) return;
  const before = JSON.stringify(parameters);
  parameters.encodings.forEach((encoding, layer) => {
    if (slot.index !== 0) {
      encoding.maxBitrate = SCREEN_BITRATE_BPS;
      encoding.active = wanted !== 0;
    } else if (count === LAYER_HEIGHTS.length) {
      encoding.scaleResolutionDownBy = 2 ** (count - 1 - layer);
      encoding.maxBitrate = LAYER_BITRATES_BPS[layer]!;
      encoding.active = isLayerWanted(layer, wanted);
    } else {
      encoding.maxBitrate = P2P_CAMERA_BITRATE_BPS;
      encoding.active = wanted !== 0;
    }
  });
  parameters.degradationPreference =
    slot.index === 0 ? "maintain-framerate" : "maintain-resolution";
  // It waits for another thread, also when it changes nothing.
  if (JSON.stringify(parameters) === before) return;
  // The sender may be gone by the time the browser looks at it.
  await sender.setParameters(parameters).catch(() => undefined);
}

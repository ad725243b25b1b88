/** Takes noise out of the microphone (RNNoise in an audio worklet): microphone in, microphone out. */
import { loadRnnoise, RnnoiseWorkletNode } from "@sapphi-red/web-noise-suppressor";
import code from "@sapphi-red/web-noise-suppressor/rnnoise.wasm?url";
import simdCode from "@sapphi-red/web-noise-suppressor/rnnoise_simd.wasm?url";
import worklet from "@sapphi-red/web-noise-suppressor/rnnoiseWorklet.js?url";
import type { Effect } from "./choice";

/** RNNoise knows no other rate. */
const RATE_HZ = 48_000;

/** Raises an error when the browser lacks something. */
export async function withoutNoise(input: MediaStreamTrack): Promise<Effect> {
  const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
  try {
    const [wasmBinary] = await Promise.all([
      loadRnnoise({ url: code, simdUrl: simdCode }),
      context.audioWorklet.addModule(worklet),
    ]);
    const node = new RnnoiseWorkletNode(context, { maxChannels: 1, wasmBinary });
    const target = context.createMediaStreamDestination();
    target.channelCount = 1;
    context
      .createMediaStreamSource(new MediaStream([input]))
      .connect(node)
      .connect(target);
    await context.resume();
    const track = target.stream.getAudioTracks()[0]!;
    return {
      track,
      close: () => {
        track.stop();
        node.destroy();
        void context.close();
      },
    };
  } catch (error) {
    void context.close();
    throw error;
  }
}

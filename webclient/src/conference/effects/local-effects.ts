/**
 * What becomes of the camera's picture and the microphone's sound before anybody gets them.
 *
 * The effects are chunks of their own, loaded when somebody wants one.
 */
import type { Background, EffectsState } from "./choice";
import { EffectSlot } from "./slot";

export interface LocalEffectsEvents {
  changed(): void;
  /** A background was wished that this machine cannot have: nobody may see the room instead. */
  backgroundLost(): void;
}

export class LocalEffects {
  private background: Background = "none";
  private noiseSuppression = false;
  private picture: ImageBitmap | null = null;
  readonly camera: EffectSlot;
  readonly microphone: EffectSlot;

  constructor(private readonly events: LocalEffectsEvents) {
    let before = "off";
    this.camera = new EffectSlot(() => {
      const { status } = this.camera;
      const isLost = status !== before && (status === "too-slow" || status === "failed");
      before = status;
      if (isLost) {
        this.background = "none";
        events.backgroundLost();
      }
      events.changed();
    });
    this.microphone = new EffectSlot(() => events.changed());
  }

  get state(): EffectsState {
    return {
      background: this.background,
      backgroundStatus: this.camera.status,
      noiseSuppression: this.noiseSuppression,
      noiseStatus: this.microphone.status,
    };
  }

  /** `own` is the picture for the choice "own"; it is kept as long as the page. */
  async setBackground(background: Background, own?: ImageBitmap): Promise<void> {
    if (own) this.picture = own;
    this.background = background;
    const { picture } = this;
    await this.camera.want(
      background === "none"
        ? null
        : async (input) => {
            const { withBackground } = await import("./background");
            return withBackground(input, background, picture, () => this.camera.giveUp("too-slow"));
          },
    );
  }

  async setNoiseSuppression(on: boolean): Promise<void> {
    this.noiseSuppression = on;
    await this.microphone.want(
      on
        ? async (input) => {
            const { withoutNoise } = await import("./noise");
            return withoutNoise(input);
          }
        : null,
    );
    if (this.microphone.status === "failed") {
      this.noiseSuppression = false;
      this.events.changed();
    }
  }

  /** The picture others get of `camera`: never the bare one while a background is wished. */
  pictureOf(camera: MediaStreamTrack | null): MediaStreamTrack | null {
    return this.background === "none" ? camera : this.camera.output;
  }

  soundOf(microphone: MediaStreamTrack | null): MediaStreamTrack | null {
    return microphone === null ? null : (this.microphone.output ?? microphone);
  }
}

/** What is behind the person, and whether noise is taken out of their voice. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { BACKGROUNDS, type Background } from "../conference/effects/choice";
import { ownPicture, PICTURES } from "../conference/effects/pictures";
import { devices, localVersion } from "./app";
import { Icon, type IconName } from "./icons";
import { type Key, t } from "./language";
import { remember } from "./preferences";

const ICONS: Readonly<Partial<Record<Background, IconName>>> = {
  none: "off",
  blur: "blur",
  own: "image",
};

/** Only browsers that can do all of it offer it. */
export const canHaveBackground =
  typeof Worker !== "undefined" &&
  typeof OffscreenCanvas !== "undefined" &&
  "captureStream" in HTMLCanvasElement.prototype;

const canSuppressNoise = typeof AudioWorkletNode !== "undefined";

/** On a phone the button to join comes first. */
const OPEN_FROM_WIDTH = 900;

export function EffectsMenu(): JSX.Element {
  const file = useRef<HTMLInputElement>(null);
  const isNoPicture = useSignal(false);
  void localVersion.value;
  const { effects } = devices();
  const { background, backgroundStatus, noiseSuppression, noiseStatus } = effects.state;

  const choose = (next: Background): void => {
    isNoPicture.value = false;
    if (next === "own") {
      file.current?.click();
      return;
    }
    remember({ background: next });
    void effects.setBackground(next);
  };
  const chooseFile = async (chosen: File | undefined): Promise<void> => {
    if (!chosen) return;
    try {
      await effects.setBackground("own", await ownPicture(chosen));
    } catch {
      isNoPicture.value = true;
    }
  };

  return (
    <details class="effects" open={window.innerWidth >= OPEN_FROM_WIDTH}>
      <summary data-testid="effects">{t("effect.title")}</summary>
      {canHaveBackground && (
        <fieldset class="backgrounds">
          <legend class="label">{t("effect.background")}</legend>
          <div class="background-row">
            {BACKGROUNDS.map((each) => (
              <button
                key={each}
                type="button"
                class="background"
                data-testid={`background-${each}`}
                aria-pressed={background === each}
                aria-label={t(`effect.background.${each}` as Key)}
                title={t(`effect.background.${each}` as Key)}
                onClick={() => choose(each)}
              >
                {each in PICTURES ? (
                  <img src={PICTURES[each as keyof typeof PICTURES]} alt="" />
                ) : (
                  <Icon name={ICONS[each]!} />
                )}
              </button>
            ))}
          </div>
          <input
            ref={file}
            type="file"
            accept="image/*"
            hidden
            onChange={(event) => void chooseFile(event.currentTarget.files?.[0])}
          />
          <p class="label" role="status">
            {isNoPicture.value
              ? t("effect.noPicture")
              : backgroundStatus === "off" || backgroundStatus === "on"
                ? ""
                : t(`effect.background.${backgroundStatus}` as Key)}
          </p>
        </fieldset>
      )}
      {canSuppressNoise && (
        <label class="effect-noise">
          <input
            type="checkbox"
            data-testid="noise-suppression"
            checked={noiseSuppression}
            onChange={(event) => {
              const on = event.currentTarget.checked;
              remember({ noiseSuppression: on });
              void effects.setNoiseSuppression(on);
            }}
          />
          <span>
            {t("effect.noise")}
            <span class="label">
              {t(noiseStatus === "failed" ? "effect.noise.failed" : "effect.noise.detail")}
            </span>
          </span>
        </label>
      )}
    </details>
  );
}

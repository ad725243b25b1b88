/** One line for each kind of device: a menu, and what helps to see or hear that it works. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LevelMeter } from "../conference/level-meter";
import { devices, keepDeviceChoice, localVersion } from "./app";
import { EffectsMenu } from "./effects-menu";
import { Icon, type IconName } from "./icons";
import { type Key, t } from "./language";
import { playTestSound } from "./test-sound";

type Kind = "camera" | "microphone" | "speaker";

const KINDS: readonly { kind: Kind; input: MediaDeviceKind; icon: IconName; label: Key }[] = [
  { kind: "camera", input: "videoinput", icon: "camera", label: "check.camera" },
  { kind: "microphone", input: "audioinput", icon: "mic", label: "check.microphone" },
  { kind: "speaker", input: "audiooutput", icon: "speaker", label: "check.speaker" },
];

/** Only browsers that can send sound to a chosen output offer the choice. */
const canChooseSpeaker = "setSinkId" in HTMLMediaElement.prototype;

export function DeviceMenus(): JSX.Element {
  const found = useSignal<readonly MediaDeviceInfo[]>([]);
  const isPlaying = useSignal(false);
  const version = localVersion.value;

  useEffect(() => {
    let isCurrent = true;
    navigator.mediaDevices?.enumerateDevices().then((list) => {
      if (isCurrent) found.value = list;
    });
    return () => {
      isCurrent = false;
    };
  }, [version]);

  const { choice } = devices();
  return (
    <div class="device-menus">
      {KINDS.map(({ kind, input, icon, label }) => {
        const options = found.value.filter(
          (each) => each.kind === input && each.deviceId !== "" && each.deviceId !== "default",
        );
        if (kind === "speaker" && !canChooseSpeaker && options.length === 0) return null;
        return (
          <div class="device" key={kind}>
            <Icon name={icon} />
            <div class="device-choice">
              <label class="visually-hidden" for={`device-${kind}`}>
                {t(label)}
              </label>
              <select
                id={`device-${kind}`}
                class="field"
                value={choice[kind]}
                onChange={(event) => {
                  const chosen = event.currentTarget.value;
                  void devices()
                    .choose(kind, chosen)
                    .then(() => keepDeviceChoice());
                }}
              >
                <option value="">
                  {t(label)}: {t("check.systemDefault")}
                </option>
                {options.map((each) => (
                  <option key={each.deviceId} value={each.deviceId}>
                    {each.label || t(label)}
                  </option>
                ))}
              </select>
              <Icon name="chevron-down" />
            </div>
            {kind === "microphone" && <Meter />}
            {kind === "speaker" && (
              <button
                type="button"
                class="button"
                aria-label={`${t("check.testSpeaker")}: ${t("check.testSpeakerName")}`}
                data-testid="test-speaker"
                disabled={isPlaying.value}
                onClick={() => {
                  isPlaying.value = true;
                  void playTestSound(devices().choice.speaker).finally(() => {
                    isPlaying.value = false;
                  });
                }}
              >
                {isPlaying.value ? t("check.testing") : t("check.testSpeaker")}
              </button>
            )}
          </div>
        );
      })}
      <EffectsMenu />
    </div>
  );
}

const BARS = 5;

/** Moves with the voice; says nothing while the microphone is off. */
function Meter(): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const version = localVersion.value;
  const track = devices().microphoneTrack;

  useEffect(() => {
    const bars = Array.from(box.current?.children ?? []);
    const show = (level: number): void => {
      bars.forEach((bar, index) => {
        bar.classList.toggle("lit", level * BARS * 1.6 > index + 0.15);
      });
      box.current?.setAttribute("aria-valuenow", String(Math.round(Math.min(1, level) * 100)));
    };
    if (!track || devices().state.microphone !== "on") {
      show(0);
      return;
    }
    const meter = new LevelMeter(track);
    const timer = window.setInterval(() => show(meter.level()), 80);
    return () => {
      window.clearInterval(timer);
      meter.close();
    };
  }, [track, version]);

  return (
    // biome-ignore lint/a11y/useSemanticElements: the bars are drawn by hand, <meter> is one block
    <div
      class="meter"
      ref={box}
      role="meter"
      aria-label={t("check.microphoneLevel")}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      data-testid="microphone-meter"
    >
      {Array.from({ length: BARS }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}

/** Which sounds are heard. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { devices } from "./app";
import { type Key, t } from "./language";
import { Switch } from "./meeting/switch";
import { remember, remembered } from "./preferences";
import { play, SOUNDS, type Sound } from "./sounds";

const silenced = signal<readonly Sound[]>(remembered().silencedSounds);

export function isHeard(sound: Sound): boolean {
  return !silenced.value.includes(sound);
}

export function SoundSettings(): JSX.Element {
  const change = (sound: Sound, on: boolean): void => {
    const others = silenced.value.filter((each) => each !== sound);
    silenced.value = on ? others : [...others, sound];
    remember({ silencedSounds: silenced.value });
    // So that everybody knows what was chosen.
    if (on) void play(sound, devices().choice.speaker);
  };
  return (
    <details class="effects">
      <summary data-testid="sounds">{t("sound.title")}</summary>
      {SOUNDS.map((sound) => (
        <Switch
          key={sound}
          label={t(`sound.${sound}` as Key)}
          isOn={isHeard(sound)}
          testId={`sound-${sound}`}
          onSwitch={(on) => change(sound, on)}
        />
      ))}
    </details>
  );
}

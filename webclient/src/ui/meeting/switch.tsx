/** Something that is on or off, in words. */
import type { JSX } from "preact";

export function Switch({
  label,
  detail,
  isOn,
  testId,
  onSwitch,
}: {
  label: string;
  detail?: string | undefined;
  isOn: boolean;
  testId: string;
  onSwitch: (on: boolean) => void;
}): JSX.Element {
  return (
    <label class="switch">
      <span class="switch-words">
        <span>{label}</span>
        {detail && <span class="label">{detail}</span>}
      </span>
      <input
        type="checkbox"
        role="switch"
        aria-checked={isOn}
        data-testid={testId}
        checked={isOn}
        onChange={(event) => {
          const wanted = event.currentTarget.checked;
          // It shows what is, not what was wished: the room may say no.
          event.currentTarget.checked = isOn;
          onSwitch(wanted);
        }}
      />
    </label>
  );
}

/** Who is muted may hold the space bar to be heard for as long. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { conference, dialog, meeting } from "../app";
import { isForTalking } from "./talk-key";

/** True while the bar is held. */
export const isHolding = signal(false);

export function usePushToTalk(): void {
  useEffect(() => {
    let clicked: Element | null = null;
    const click = (event: MouseEvent): void => {
      // A press by keyboard counts as a click, too, of none.
      clicked =
        event.detail > 0 ? ((event.target as Element).closest?.("button, a") ?? null) : null;
    };
    const press = (event: KeyboardEvent): void => {
      if (!isForTalking(event, clicked) || dialog.value || !meeting.value) return;
      // Neither scroll nor press what a mouse has left the focus on, also while it repeats.
      event.preventDefault();
      if (event.repeat || isHolding.value || conference.value.local.microphone === "on") return;
      isHolding.value = true;
      void meeting.value.setMicrophone(true).then(() => {
        // Let go before the microphone was open.
        if (!isHolding.value) void meeting.value?.setMicrophone(false);
      });
    };
    const release = (): void => {
      if (!isHolding.value) return;
      isHolding.value = false;
      void meeting.value?.setMicrophone(false);
    };
    const up = (event: KeyboardEvent): void => {
      if (event.key !== " " || !isHolding.value) return;
      event.preventDefault();
      release();
    };
    window.addEventListener("click", click, true);
    window.addEventListener("keydown", press);
    window.addEventListener("keyup", up);
    // The key may come up in another window.
    window.addEventListener("blur", release);
    return () => {
      release();
      window.removeEventListener("click", click, true);
      window.removeEventListener("keydown", press);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", release);
    };
  }, []);
}

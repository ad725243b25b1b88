/** Whether the device has a network at all, as far as the browser knows. */
import { signal } from "@preact/signals";

export const isOnline = signal(navigator.onLine);

for (const kind of ["online", "offline"]) {
  window.addEventListener(kind, () => {
    isOnline.value = navigator.onLine;
  });
}

/** Whether the page fills the screen, however that came about. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export function useFullscreen(): boolean {
  const isFullscreen = useSignal(document.fullscreenElement !== null);
  useEffect(() => {
    const changed = (): void => {
      isFullscreen.value = document.fullscreenElement !== null;
    };
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  return isFullscreen.value;
}

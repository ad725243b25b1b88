/** Whether anybody can see this page: not while it is minimised or behind another tab. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** Who only looks something up in another tab need not wait for the pictures afterwards. */
const UNSEEN_AFTER_MS = 3_000;

export function usePageVisible(): boolean {
  const isVisible = useSignal(true);
  useEffect(() => {
    let timer = 0;
    const changed = (): void => {
      window.clearTimeout(timer);
      if (document.visibilityState === "visible") isVisible.value = true;
      else {
        timer = window.setTimeout(() => {
          isVisible.value = false;
        }, UNSEEN_AFTER_MS);
      }
    };
    document.addEventListener("visibilitychange", changed);
    changed();
    return () => {
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", changed);
    };
  }, []);
  return isVisible.value;
}

/** Time that runs down in the page's own seconds. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatDuration } from "../language";

/** What is left until `endsAt` (ms since the epoch), as minutes and seconds; empty without an end. */
export function useCountdown(endsAt: number | null): string {
  const now = useSignal(Date.now());
  useEffect(() => {
    if (endsAt === null) return;
    now.value = Date.now();
    const timer = window.setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => window.clearInterval(timer);
  }, [endsAt]);
  return endsAt === null ? "" : formatDuration(endsAt - now.value);
}

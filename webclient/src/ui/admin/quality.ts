/** What a connection's figures mean, in one of four words. */
import type { Connection } from "./api";

export type Verdict = "good" | "fair" | "poor" | "unknown";

const FAIR = { loss: 0.02, rttMs: 200 };
const POOR = { loss: 0.08, rttMs: 500 };

export function verdict(connection: Connection | null): Verdict {
  if (!connection || connection.state === "new") return "unknown";
  if (connection.state !== "connected") return "poor";
  const loss = Math.max(connection.loss_up ?? 0, connection.loss_down ?? 0);
  const rtt = connection.rtt_ms ?? 0;
  if (loss >= POOR.loss || rtt >= POOR.rttMs) return "poor";
  return loss >= FAIR.loss || rtt >= FAIR.rttMs || reasons(connection).length > 0 ? "fair" : "good";
}

/** Why videos are less than there is, the most frequent reason first. */
export function reasons(connection: Connection | null): string[] {
  return Object.entries(connection?.reduced ?? {})
    .filter(([, videos]) => videos > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason]) => reason);
}

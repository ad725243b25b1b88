/** How the media fares: for the connection card, for the others, and to say that it goes by TCP. */
import type { Seat } from "./seat";
import type { Store } from "./store";

export const MEASURE_MS = 2_000;
const SHARE_EVERY = 5;

export class Measuring {
  private count = 0;
  private saidTcp = false;

  constructor(private readonly store: Store) {}

  /** To be called every `MEASURE_MS`. */
  measure(seat: Seat | null): void {
    const media = seat?.media;
    if (!media || this.store.state.phase !== "joined") return;
    void media.measure(Date.now()).then(() => {
      const { path } = this.store.state.stats;
      if (!path) return;
      this.count += 1;
      if (this.count % SHARE_EVERY === 0) media.shareStats(path);
      if (path.transport.includes("tcp") && !this.saidTcp) {
        this.saidTcp = true;
        this.store.notice("over-tcp");
      }
    });
  }
}

/** For how long the page's own thread did not answer (long-tasks specification: above 50 ms). */
export class LongTasks {
  private totalMs = 0;
  private readonly observer: PerformanceObserver | null;

  constructor() {
    if (!PerformanceObserver.supportedEntryTypes?.includes("longtask")) {
      this.observer = null;
      return;
    }
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.totalMs += entry.duration;
    });
    this.observer.observe({ entryTypes: ["longtask"] });
  }

  /** Milliseconds since the last time this was asked. */
  take(): number {
    const { totalMs } = this;
    this.totalMs = 0;
    return totalMs;
  }

  close(): void {
    this.observer?.disconnect();
  }
}

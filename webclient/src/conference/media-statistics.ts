/** The browser's reports of the session that carries the media, round by round. */
import { healthOf, nothingCounted } from "./health";
import { LongTasks } from "./long-tasks";
import type { MediaSession } from "./media-session";
import type { MediaPath, MeetingStats } from "./state";
import { noHealth } from "./state/media";
import { type Measured, nothingMeasured, type Report, summarize } from "./statistics";

export class MediaStatistics {
  private measured: Measured = nothingMeasured;
  private coping = { health: noHealth, counters: nothingCounted };
  private readonly longTasks = new LongTasks();

  /** Counters of another session are nothing to compare with. */
  forget(): void {
    this.measured = nothingMeasured;
    this.coping = { health: noHealth, counters: nothingCounted };
  }

  async measure(session: MediaSession, path: MediaPath, now: number): Promise<MeetingStats> {
    const reports: Report[] = [];
    (await session.pc.getStats()).forEach((report) => {
      reports.push(report as Report);
    });
    const { stats, measured } = summarize(
      reports,
      this.measured,
      now,
      path,
      (ssrc) => session.sourceOfSsrc(ssrc)?.name,
    );
    this.measured = measured;
    this.coping = healthOf(reports, this.coping, now, this.longTasks.take());
    return { ...stats, health: this.coping.health };
  }

  close(): void {
    this.longTasks.close();
  }
}

/**
 * Whether all that a sender sends passes the worker, by counting on both sides.
 *
 * The browser says how many frames it has sent (webrtc-stats), the worker how many it was given.
 * They are never asked at the same instant and frames are on their way meanwhile, so a small
 * difference is nothing; one that grows means that frames go another way.
 */

/** What is used of RTCOutboundRtpStreamStats. */
export interface OutboundReport {
  readonly id: string;
  readonly kind: string;
  readonly framesSent?: number;
  readonly packetsSent?: number;
  readonly retransmittedPacketsSent?: number;
}

export interface WatchLimits {
  /** Frames the worker may be behind in any case. */
  readonly frames: number;
  /** And how many looks' worth, at the quickest this sender has been. */
  readonly looks: number;
}

export const WATCH: WatchLimits = { frames: 10, looks: 2 };

/** A packet of sound holds one frame; pictures fill as many as they need. */
function sentBy({ kind, framesSent, packetsSent, retransmittedPacketsSent }: OutboundReport) {
  if (kind === "video") return framesSent ?? 0;
  return (packetsSent ?? 0) - (retransmittedPacketsSent ?? 0);
}

export class SendingWatch {
  private before: { sent: ReadonlyMap<string, number>; seen: number } | null = null;
  private behind = 0;
  private quickest = 0;

  constructor(private readonly limits: WatchLimits = WATCH) {}

  /**
   * True when more was sent than passed the worker. The first look only tells where counting begins.
   *
   * @param reports of the sender's layers; `seen` is what the worker was given, asked after them.
   */
  leaks(reports: readonly OutboundReport[], seen: number): boolean {
    const sent = new Map(reports.map((report) => [report.id, sentBy(report)]));
    const { before } = this;
    this.before = { sent, seen };
    if (!before) return false;
    let left = 0;
    // A layer that is new has counted from nothing.
    for (const [id, count] of sent) left += Math.max(0, count - (before.sent.get(id) ?? 0));
    this.quickest = Math.max(this.quickest, left);
    // The worker may be ahead, or drop what it has no key for: that pays for nothing later.
    this.behind = Math.max(0, this.behind + left - (seen - before.seen));
    return this.behind > Math.max(this.limits.frames, this.quickest * this.limits.looks);
  }
}

/**
 * Keeps everything that is not encrypted from leaving one connection while encryption is on.
 *
 * A sender gets its track when the worker has said that the sender's pipe runs, not before. Then
 * both sides are counted: a browser whose frames go past the pipe loses that track for the rest of
 * the connection. Fails closed: an answer that does not come releases nothing.
 */
import type { LocalSlot } from "../local-slots";
import type { FramePipes } from "./frame-pipes";
import { type OutboundReport, SendingWatch } from "./sending-watch";

/** A sender, and what is wanted of it. */
export interface Sending {
  readonly mid: string;
  readonly sender: RTCRtpSender;
  readonly slot: LocalSlot;
  /** There is a track to send, and it is not muted. */
  readonly isWanted: boolean;
}

export interface SendingGuardEvents {
  /** A sender that was held may send. */
  released(): void;
  /** It sends nothing any more (or never began), though somebody wants it to. */
  stopped(slot: LocalSlot): void;
}

export const LOOK_MS = 1_000;
/** Looks after which a pipe that was to run is given up. */
const PATIENCE = 5;

export class SendingGuard {
  private readonly running = new WeakSet<RTCRtpSender>();
  private readonly halted = new WeakSet<RTCRtpSender>();
  private watches = new WeakMap<RTCRtpSender, SendingWatch>();
  private waited = new WeakMap<RTCRtpSender, number>();
  private isLooking = false;

  constructor(
    private readonly pc: Pick<RTCPeerConnection, "getStats">,
    private readonly events: SendingGuardEvents,
  ) {}

  /** The worker has been asked to run its pipe; `runs` resolves when it does. */
  expect(sender: RTCRtpSender, runs: Promise<void>): void {
    if (this.running.has(sender)) return;
    void runs.then(() => {
      if (this.running.has(sender)) return;
      this.running.add(sender);
      this.events.released();
    });
  }

  /** True while the sender must have no track. */
  holds(sender: RTCRtpSender): boolean {
    return !this.running.has(sender) || this.halted.has(sender);
  }

  /** Encryption is off: what was counted means nothing when it is on again. */
  rest(): void {
    this.watches = new WeakMap();
    this.waited = new WeakMap();
  }

  /** To be called every `LOOK_MS` while encryption is on. */
  async look(pipes: FramePipes, sendings: () => readonly Sending[]): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const reports = outbound(await this.pc.getStats());
      const seen = await pipes.count();
      for (const each of sendings()) {
        const { sender, slot, isWanted } = each;
        if (!this.holds(sender)) {
          const watch = this.watches.get(sender) ?? new SendingWatch();
          this.watches.set(sender, watch);
          const own = reports.filter(({ mid }) => mid === each.mid);
          if (watch.leaks(own, seen(sender))) this.halted.add(sender);
        }
        if (this.isGivenUp(sender) && isWanted) this.events.stopped(slot);
      }
    } finally {
      this.isLooking = false;
    }
  }

  private isGivenUp(sender: RTCRtpSender): boolean {
    if (this.halted.has(sender)) return true;
    if (this.running.has(sender)) return false;
    const waited = (this.waited.get(sender) ?? 0) + 1;
    this.waited.set(sender, waited);
    return waited > PATIENCE;
  }
}

function outbound(all: RTCStatsReport): (OutboundReport & { mid?: string })[] {
  const found: OutboundReport[] = [];
  all.forEach((report: OutboundReport & { type: string }) => {
    if (report.type === "outbound-rtp") found.push(report);
  });
  return found;
}

/** Leads one connection's frames where the rule for frames says, and keeps out what would be noise. */
import type { EndpointId } from "../../protocol/ids";
import type { SessionModel } from "../../protocol/sdp/model";
import type { MediaSource } from "../../protocol/sources";
import type { FrameRule } from "./door";
import { LOOK_MS, type Sending, SendingGuard } from "./sending-guard";

export interface FrameLeadingOptions {
  readonly endpoint: EndpointId;
  /** How frames are led, if anywhere else than straight to the network. */
  readonly frames?: () => FrameRule | null;
  /** Whose media could only be noise here: it is not even received. */
  readonly isBlocked?: (owner: EndpointId) => boolean;
}

export interface LedConnection {
  readonly pc: RTCPeerConnection;
  /** What it sends, or is to send. */
  sendings(): readonly Sending[];
  /** A sender that was held may send. */
  released(): void;
}

export class FrameLeading {
  /**
   * The browser was told that this connection's frames are led elsewhere. Chromium lets nobody at the
   * frames of one that was not: what is attached to it later is simply passed by.
   */
  readonly isPossible: boolean;
  private blocked: readonly MediaSource[] = [];
  private guard: SendingGuard | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: FrameLeadingOptions) {
    this.isPossible = this.rule !== null;
  }

  close(): void {
    clearInterval(this.timer);
  }

  get isOn(): boolean {
    return this.rule?.isOn === true;
  }

  /** Whether this connection can do what the rule for frames says now; a new one can. */
  get canFollow(): boolean {
    if (this.isPossible) return true;
    // Chromium shows nothing of a stream that it stopped receiving and is to receive again.
    return !this.isOn && this.blocked.every((source) => this.isBlocked(source));
  }

  withoutBlocked(model: SessionModel): SessionModel {
    const sections = model.sections.map((section) =>
      section.remote && this.isBlocked(section.remote) ? { ...section, remote: null } : section,
    );
    this.blocked = model.sections
      .flatMap(({ remote }) => remote ?? [])
      .filter((source) => this.isBlocked(source) || this.blocked.includes(source));
    return { ...model, sections };
  }

  /** While encryption is on, a sender whose frames are not known to be led has no track. */
  holds(sender: RTCRtpSender): boolean {
    return this.isOn && (this.guard?.holds(sender) ?? true);
  }

  /** Before anything is sent or decoded: no frame may slip past. */
  lead(connection: LedConnection, { sections }: SessionModel): void {
    const { rule } = this;
    if (!rule || !this.isPossible) return;
    const guard = this.guardOf(connection);
    for (const { mid, sender, receiver } of connection.pc.getTransceivers()) {
      const section = sections.find((each) => each.mid === mid);
      if (!section) continue;
      guard.expect(sender, rule.pipes.sender(sender, section.kind, this.options.endpoint));
      rule.pipes.receiver(receiver, section.kind, section.remote?.owner ?? "");
    }
  }

  private guardOf(connection: LedConnection): SendingGuard {
    if (this.guard) return this.guard;
    const guard = new SendingGuard(connection.pc, {
      released: () => connection.released(),
      stopped: (slot) => this.rule?.stopped(slot),
    });
    this.timer = setInterval(() => {
      const { rule } = this;
      if (!rule?.isOn) guard.rest();
      else void guard.look(rule.pipes, () => connection.sendings());
    }, LOOK_MS);
    this.guard = guard;
    return guard;
  }

  private get rule(): FrameRule | null {
    return this.options.frames?.() ?? null;
  }

  private isBlocked(source: MediaSource): boolean {
    return !this.isPossible && this.options.isBlocked?.(source.owner) === true;
  }
}

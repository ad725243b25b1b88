/** Candidates of the other side, which may come before its description. */
import type { Candidate } from "../protocol/jingle";
import { candidateLine } from "../protocol/sdp/write";

export class RemoteCandidates {
  private waiting: Candidate[] = [];

  constructor(private readonly pc: RTCPeerConnection) {}

  add(candidates: readonly Candidate[]): void {
    this.waiting.push(...candidates);
  }

  /** Give the browser those that wait; `mid` is any section, for they share one transport. */
  async flush(mid: string): Promise<void> {
    for (const candidate of this.waiting.splice(0)) {
      // A candidate the browser cannot use (a name it cannot resolve) harms nobody.
      await this.pc
        .addIceCandidate({ candidate: candidateLine(candidate), sdpMid: mid, sdpMLineIndex: 0 })
        .catch(() => undefined);
    }
  }
}

/** Switching one's own microphone, camera and screen, as far as the room lets one. */
import type { MuteKind } from "../protocol/focus";
import type { RoomMetadata } from "../protocol/room-metadata";
import type { LocalMedia } from "./local-media";
import type { LocalSlot } from "./local-slots";
import type { Moderation } from "./moderation";
import type { Seat, SeatAccess } from "./seat";
import { obstacle } from "./state/rules";
import type { Store } from "./store";

export class OwnDevices {
  constructor(
    private readonly store: Store,
    private readonly localMedia: LocalMedia,
    private readonly moderation: Moderation,
    private readonly seat: SeatAccess,
  ) {}

  async setMicrophone(on: boolean): Promise<void> {
    if (on && this.asksFirst("audio")) return;
    const state = await this.localMedia.set("microphone", on);
    if (on && state !== "on" && state !== "off") this.store.notice(`microphone-${state}`);
    if (on && state === "on") this.moderation.lift(this.seat(), "audio");
  }

  async setCamera(on: boolean): Promise<void> {
    if (on && this.asksFirst("video")) return;
    const state = await this.localMedia.set("camera", on);
    if (on && state !== "on" && state !== "off") this.store.notice(`camera-${state}`);
    if (on && state === "on") this.moderation.lift(this.seat(), "video");
  }

  async setShare(on: boolean): Promise<void> {
    if (!on) {
      this.localMedia.stopShare();
      return;
    }
    if (this.asksFirst("desktop")) return;
    const result = await this.localMedia.startShare();
    if (result === "failed") this.store.notice("share-failed");
    if (result === "on") this.moderation.lift(this.seat(), "desktop");
  }

  /** The room wants newcomers quiet: only on the way in, later it is their own affair. */
  startMuted(seat: Seat, { startMuted }: RoomMetadata): void {
    if (seat.isJoined || this.store.state.joinedAt !== null) return;
    const { microphone, camera } = this.localMedia.state;
    if (startMuted.audio && microphone === "on") {
      void this.localMedia.set("microphone", false);
      this.store.notice("started-muted");
    }
    if (startMuted.video && camera === "on") {
      void this.localMedia.set("camera", false);
      this.store.notice("started-without-camera");
    }
  }

  /** What this slot sends cannot be encrypted here, so it is not sent. */
  stopUnencrypted({ kind, index }: LocalSlot): void {
    if (index === 1) this.localMedia.stopShare();
    else void this.localMedia.set(kind === "audio" ? "microphone" : "camera", false);
    this.store.notice(`unencrypted-${index === 1 ? "desktop" : kind}`);
  }

  /** True, and said so, when something is in the way. */
  private asksFirst(media: MuteKind): boolean {
    const { rules, isModerator, ownId, phase } = this.store.state;
    if (phase !== "joined") return false;
    const why = obstacle(rules, media, { id: ownId, isModerator });
    if (why === "must-ask") this.store.notice(`ask-first-${media}`);
    else if (why === "not-permitted") this.store.notice(`not-permitted-${media}`);
    return why !== null;
  }
}

/** Muting and removing others, and being muted. */
import { buildMute, type MuteKind } from "../protocol/focus";
import { type EndpointId, FOCUS_NICK, resourceOf } from "../protocol/ids";
import { buildKick } from "../protocol/presence";
import type { Xml } from "../protocol/xml";
import type { LocalMedia } from "./local-media";
import type { Seat } from "./seat";
import type { Store } from "./store";

export class Moderation {
  private readonly wasMuted = new Set<MuteKind>();

  constructor(
    private readonly store: Store,
    private readonly localMedia: LocalMedia,
    private readonly room: string,
  ) {}

  async mute(seat: Seat, endpoint: EndpointId, kind: MuteKind): Promise<void> {
    const order = buildMute(kind, `${this.room}/${endpoint}`, true);
    await this.try(seat.connection.request("set", `${this.room}/${FOCUS_NICK}`, order));
  }

  async remove(seat: Seat, endpoint: EndpointId): Promise<void> {
    await this.try(seat.connection.request("set", this.room, buildKick(endpoint, "")));
  }

  private async try(request: Promise<Xml>): Promise<void> {
    try {
      await request;
    } catch {
      this.store.notice("action-refused");
    }
  }

  /** A moderator has muted us: it is so, whatever was wanted. */
  mutedBy(kind: MuteKind, actor: string): void {
    const name = this.store.participant(resourceOf(actor))?.displayName ?? "";
    this.wasMuted.add(kind);
    if (kind === "audio") {
      void this.localMedia.set("microphone", false);
      this.store.notice("muted-by", name);
    } else if (kind === "video") {
      void this.localMedia.set("camera", false);
      this.store.notice("camera-off-by", name);
    } else {
      this.localMedia.stopShare();
      this.store.notice("share-stopped-by", name);
    }
  }

  /** Who was muted by the focus is muted at the bridge too, until it asks for its voice back. */
  lift(seat: Seat | null, kind: MuteKind): void {
    if (!seat?.isJoined || !this.wasMuted.has(kind)) return;
    this.wasMuted.delete(kind);
    const order = buildMute(kind, `${this.room}/${seat.nick}`, false);
    seat.connection
      .request("set", `${this.room}/${FOCUS_NICK}`, order)
      .catch(() => this.store.notice("action-refused"));
  }
}

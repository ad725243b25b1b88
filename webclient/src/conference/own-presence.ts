/** What everybody in the room is told about oneself, said again only when it has changed. */
import type { EncryptionPresence } from "../protocol/e2ee/messages";
import { type SourceName, sourceName } from "../protocol/ids";
import { buildPresence, type SourceInfo } from "../protocol/presence";
import type { Seat } from "./seat";
import type { Store } from "./store";

const CODECS = ["vp8", "h264", "vp9", "av1"];
/** Frames of the others cannot be taken apart for the network once they are encrypted. */
const CODECS_ENCRYPTED = ["vp8"];

export class OwnPresence {
  private last = "";
  private hadSpotlight = false;

  constructor(
    private readonly store: Store,
    private readonly capsVer: string,
    private readonly encryption: () => EncryptionPresence,
  ) {}

  /** Ask for the seat in the room. */
  join(seat: Seat): void {
    this.last = "";
    this.send(seat, true);
  }

  /** Every presence goes to everybody: only what is new is said. */
  update(seat: Seat): void {
    if (seat.isJoined) this.send(seat, false);
  }

  private send(seat: Seat, join: boolean): void {
    const { displayName, raisedHandAt, ownSpotlight } = this.store.state;
    const encryption = this.encryption();
    const own = {
      encryption,
      displayName,
      raisedHandAt,
      sources: this.sources(seat),
      codecs: encryption.isOn ? CODECS_ENCRYPTED : CODECS,
      capsVer: this.capsVer,
      spotlight: ownSpotlight ?? (this.hadSpotlight ? ("off" as const) : null),
    };
    const fingerprint = JSON.stringify(own);
    if (!join && fingerprint === this.last) return;
    this.last = fingerprint;
    this.hadSpotlight = ownSpotlight !== null;
    const request = join ? { password: seat.password } : null;
    seat.connection.send(buildPresence(`${seat.room}/${seat.nick}`, own, request));
  }

  private sources(seat: Seat): SourceInfo {
    const { local } = this.store.state;
    const sources: Record<SourceName, SourceInfo[string]> = {
      [sourceName(seat.nick, "audio", 0)]: {
        muted: local.microphone !== "on",
        videoType: "camera",
      },
      [sourceName(seat.nick, "video", 0)]: { muted: local.camera !== "on", videoType: "camera" },
    };
    if (local.share === "on") {
      sources[sourceName(seat.nick, "video", 1)] = { muted: false, videoType: "desktop" };
      if (local.shareHasSound) {
        sources[sourceName(seat.nick, "audio", 1)] = { muted: false, videoType: "camera" };
      }
    }
    return sources;
  }
}

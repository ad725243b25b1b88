/** What the parts of the server say, put into the state; buffered until their addresses are known. */
import { parseAvModeration } from "../protocol/av-moderation";
import { parseBreakouts } from "../protocol/breakouts";
import { parseCameras } from "../protocol/cameras";
import {
  buildDiscoInfo,
  type ComponentMessage,
  parseComponentMessage,
  parseComponents,
  parseRefusal,
} from "../protocol/components";
import { parseFileSharing } from "../protocol/file-sharing";
import { parsePolls } from "../protocol/polls";
import { parseRoomMetadata, type RoomMetadata } from "../protocol/room-metadata";
import { parseSpeakerTimes } from "../protocol/speaker-time";
import type { Xml } from "../protocol/xml";
import type { Seat } from "./seat";
import type { Store } from "./store";

export interface InboxEvents {
  /** What holds in the room is known, perhaps before we are in it. */
  metadata(seat: Seat, metadata: RoomMetadata): void;
  /** A moderator or the server sends us to another room. */
  sentTo(room: string): void;
}

/** More than any server says before it has answered one question. */
const MAX_EARLY = 100;

export class ComponentInbox {
  constructor(
    private readonly store: Store,
    private readonly events: InboxEvents,
  ) {}

  /** Ask the server which parts it has. Without an answer it has none. */
  async discover(seat: Seat, domain: string): Promise<void> {
    const found = await seat.connection
      .request("get", domain, buildDiscoInfo())
      .then(parseComponents)
      .catch(() => ({}));
    seat.components = found;
    for (const message of seat.early.splice(0)) this.receive(seat, message);
  }

  receive(seat: Seat, message: Xml): void {
    if (!seat.components) {
      if (seat.early.length < MAX_EARLY) seat.early.push(message);
      return;
    }
    const refusal = parseRefusal(message, seat.components);
    if (refusal)
      this.store.notice(refusal.text ? "refused-because" : "action-refused", refusal.text);
    const told = parseComponentMessage(message, seat.components);
    if (told) this.told(seat, told);
  }

  private told(seat: Seat, { type, payload }: ComponentMessage): void {
    const { dispatch } = this.store;
    const at = Date.now();
    switch (type) {
      case "av_moderation": {
        const message = parseAvModeration(payload);
        if (message) dispatch({ kind: "av-moderation", message, at });
        break;
      }
      case "breakout_rooms":
        this.breakouts(payload);
        break;
      case "cameras":
        dispatch({ kind: "cameras-told", missing: parseCameras(payload, at), at });
        break;
      case "file-sharing": {
        const event = parseFileSharing(payload);
        if (event) dispatch({ kind: "file", event, at });
        break;
      }
      case "polls": {
        const event = parsePolls(payload);
        if (event) dispatch({ kind: "poll", event, at });
        break;
      }
      case "room_metadata": {
        const metadata = parseRoomMetadata(payload);
        if (!metadata) break;
        dispatch({ kind: "metadata-told", metadata, at });
        this.events.metadata(seat, metadata);
        break;
      }
      case "speakerstats":
        dispatch({ kind: "speaker-times-told", times: parseSpeakerTimes(payload), at });
        break;
      case "end_conference":
      case "lobbyrooms":
        break;
    }
  }

  private breakouts(payload: ComponentMessage["payload"]): void {
    const message = parseBreakouts(payload, Date.now());
    if (message?.kind === "plan") {
      this.store.dispatch({ kind: "breakouts-told", plan: message.plan });
    } else if (message?.kind === "move") {
      this.events.sentTo(message.roomJid);
    }
  }
}

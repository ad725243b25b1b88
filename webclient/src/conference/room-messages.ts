/** Words and reactions, whether they come through the room or the bridge. */
import type { BridgeMessage } from "../protocol/bridge-channel";
import type { EndpointId } from "../protocol/ids";
import { parseMessage, type Reaction } from "../protocol/messages";
import type { Xml } from "../protocol/xml";
import type { Seat } from "./seat";
import type { Store } from "./store";

const REACTION_MS = 4_000;

export class RoomMessages {
  constructor(private readonly store: Store) {}

  receive(seat: Seat, stanza: Xml): void {
    const message = parseMessage(stanza);
    if (!message) return;
    switch (message.kind) {
      case "chat":
        this.store.dispatch({
          kind: "chat-received",
          entry: {
            id: message.id,
            from: message.from,
            name: this.nameOf(seat, message.from) || message.authorName,
            body: message.body,
            at: message.sentAt ?? Date.now(),
            isOwn: message.from === seat.nick,
            isPrivate: message.isPrivate,
          },
        });
        break;
      case "reaction":
        this.reaction(message.from, message.reaction);
        break;
      case "refused":
        this.store.notice("chat-refused", message.text);
        break;
      case "subject":
        break;
    }
  }

  receiveFromBridge(message: BridgeMessage): void {
    switch (message.kind) {
      case "dominant-speaker":
        this.store.dispatch({ kind: "speaker-changed", endpoint: message.endpoint || null });
        break;
      case "connectivity":
        this.store.dispatch({
          kind: "reachability-changed",
          endpoint: message.endpoint,
          isReachable: message.active,
        });
        break;
      case "reaction":
        this.reaction(message.from, message.reaction);
        break;
      case "hello":
        this.store.dispatch({ kind: "picture-reasons-unknown" });
        break;
      case "picture-reasons":
        this.store.dispatch({ kind: "picture-reasons-changed", changes: message.changes });
        break;
      case "forwarded-sources":
      case "sender-constraints":
      case "downlink-estimate":
        break;
    }
  }

  private reaction(from: EndpointId, reaction: Reaction): void {
    this.store.dispatch({ kind: "reaction-shown", from, reaction, at: Date.now() });
    setTimeout(
      () => this.store.dispatch({ kind: "reactions-faded", before: Date.now() - REACTION_MS }),
      REACTION_MS + 50,
    );
  }

  private nameOf(seat: Seat, endpoint: EndpointId): string {
    if (endpoint === seat.nick) return this.store.state.displayName;
    return (
      this.store.participant(endpoint)?.displayName ??
      this.store.state.chat.find((each) => each.from === endpoint)?.name ??
      ""
    );
  }
}

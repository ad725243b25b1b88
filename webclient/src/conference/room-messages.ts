/** Words and reactions, whether they come through the room or the bridge. */
import type { BridgeMessage } from "../protocol/bridge-channel";
import type { CaptionLine } from "../protocol/captions";
import type { EndpointId } from "../protocol/ids";
import type { LobbyNotice } from "../protocol/lobby";
import { type ChatLine, parseMessage, type Reaction } from "../protocol/messages";
import type { Xml } from "../protocol/xml";
import type { Seat } from "./seat";
import type { ChatEntry } from "./state";
import type { Store } from "./store";

const REACTION_MS = 4_000;
/** Long enough to read three lines. */
const CAPTION_MS = 8_000;

export class RoomMessages {
  /**
   * @param lowerHand is called when a moderator wants our hand down.
   */
  constructor(
    private readonly store: Store,
    private readonly lowerHand: () => void,
  ) {}

  receive(seat: Seat, stanza: Xml): void {
    const message = parseMessage(stanza);
    if (!message) return;
    switch (message.kind) {
      case "chat":
        this.store.dispatch({ kind: "chat-received", entry: this.entry(seat, message) });
        break;
      case "edited":
      case "retracted":
      case "reacted":
        this.store.dispatch({
          kind: "chat-changed",
          change: message,
          byModerator: this.isModerator(seat, message.from),
        });
        break;
      case "server":
        this.store.notice(
          message.name === "" ? "server-says" : "breakout-announced",
          message.name === "" ? message.body : `${message.name}: ${message.body}`,
        );
        break;
      case "hand-lowered":
        if (!this.isModerator(seat, message.from) || this.store.state.raisedHandAt === null) break;
        this.lowerHand();
        this.store.notice("hand-lowered", this.nameOf(seat, message.from));
        break;
      case "lobby":
        this.lobby(message.notice);
        break;
      case "reaction":
        this.reaction(message.from, message.reaction);
        break;
      case "caption":
        // Nobody may put words into somebody else's mouth: the transcriber is no participant.
        if (message.from !== seat.nick && !this.store.participant(message.from)) {
          this.caption(message.line);
        }
        break;
      case "refused":
        this.store.dispatch({ kind: "chat-line-refused", id: message.id });
        this.store.notice("chat-refused", message.text);
        break;
      case "subject":
        break;
    }
  }

  receiveFromBridge(message: BridgeMessage): void {
    switch (message.kind) {
      case "dominant-speaker":
        this.store.dispatch({
          kind: "speaker-changed",
          endpoint: message.endpoint || null,
          at: Date.now(),
        });
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
      case "caption":
        this.caption(message.line);
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

  private entry(seat: Seat, line: ChatLine): ChatEntry {
    const isOwn = line.from === seat.nick;
    const name = this.nameOf(seat, line.from) || line.authorName;
    return {
      id: line.id,
      from: line.from,
      name,
      body: line.body,
      at: line.sentAt ?? Date.now(),
      isOwn,
      isPrivate: line.isPrivate,
      partner: line.isPrivate ? line.from : "",
      partnerName: line.isPrivate ? name : "",
      replyTo: line.replyTo,
      isEdited: false,
      isRetracted: false,
      isHistory: line.sentAt !== null,
      reactions: {},
    };
  }

  private lobby({ event, isOn, name }: LobbyNotice): void {
    if (event === "LOBBY-ENABLED") this.store.notice(isOn ? "lobby-on" : "lobby-off");
    else if (event === "LOBBY-ACCESS-GRANTED") this.store.notice("lobby-admitted", name);
    else this.store.notice("lobby-refused", name);
  }

  private isModerator(seat: Seat, endpoint: EndpointId): boolean {
    return endpoint === seat.nick
      ? this.store.state.isModerator
      : (this.store.participant(endpoint)?.isModerator ?? false);
  }

  private caption(line: CaptionLine): void {
    this.store.dispatch({ kind: "captioned", line, at: Date.now() });
    window.setTimeout(
      () => this.store.dispatch({ kind: "captions-faded", before: Date.now() - CAPTION_MS }),
      CAPTION_MS + 50,
    );
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

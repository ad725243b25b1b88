/** Writing to everybody or to one person, and what one does to lines afterwards. */
import type { EndpointId } from "../protocol/ids";
import {
  buildChat,
  buildEdit,
  buildLineReaction,
  buildRetraction,
  type ChatTarget,
} from "../protocol/messages";
import type { SeatAccess } from "./seat";
import { type ChatEntry, toggled } from "./state/chat";
import type { Store } from "./store";

export interface ChatWish {
  /** Empty: to everybody. */
  readonly to?: EndpointId;
  /** The line that is answered. */
  readonly replyTo?: string;
}

export class Chat {
  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
  ) {}

  /** True when the line is on its way; it is shown when the room repeats it. */
  say(body: string, { to = "", replyTo = "" }: ChatWish = {}): boolean {
    const seat = this.seat();
    if (!seat?.isJoined || body.trim() === "") return false;
    const id = crypto.randomUUID();
    seat.connection.send(buildChat(this.target(to), id, body, replyTo));
    // Nobody repeats a private line to its author.
    if (to !== "") this.ownPrivate(id, to, body, replyTo);
    return true;
  }

  edit(line: ChatEntry, body: string): void {
    if (body.trim() === "" || body === line.body) return;
    this.change(line, { kind: "edited", body }, (target, id) =>
      buildEdit(target, id, line.id, body),
    );
  }

  retract(line: ChatEntry): void {
    this.change(line, { kind: "retracted" }, (target, id) => buildRetraction(target, id, line.id));
  }

  /** Once: on; twice: off. */
  react(line: ChatEntry, emoji: string): void {
    const all = toggled(line, this.store.state.ownId, emoji);
    this.change(line, { kind: "reacted", emoji: all }, (target, id) =>
      buildLineReaction(target, id, line.id, all),
    );
  }

  private change(
    line: ChatEntry,
    what:
      | { kind: "edited"; body: string }
      | { kind: "retracted" }
      | { kind: "reacted"; emoji: string[] },
    build: (target: ChatTarget, id: string) => ReturnType<typeof buildChat>,
  ): void {
    const seat = this.seat();
    if (!seat?.isJoined) return;
    const target = this.target(line.partner);
    seat.connection.send(build(target, crypto.randomUUID()));
    if (!target.isPrivate) return;
    const { ownId, isModerator } = this.store.state;
    this.store.dispatch({
      kind: "chat-changed",
      change: { ...what, target: line.id, from: ownId },
      byModerator: isModerator,
    });
  }

  private target(to: EndpointId): ChatTarget {
    const room = this.seat()?.room ?? "";
    return to === "" ? { to: room, isPrivate: false } : { to: `${room}/${to}`, isPrivate: true };
  }

  private ownPrivate(id: string, to: EndpointId, body: string, replyTo: string): void {
    const { ownId, displayName } = this.store.state;
    this.store.dispatch({
      kind: "chat-received",
      entry: {
        id,
        from: ownId,
        name: displayName,
        body,
        at: Date.now(),
        isOwn: true,
        isPrivate: true,
        partner: to,
        partnerName: this.store.participant(to)?.displayName ?? "",
        replyTo,
        isEdited: false,
        isRetracted: false,
        isHistory: false,
        reactions: {},
      },
    });
  }
}

/** Waiting in the lobby (signalling notes 6.4): knock, wait, and come in when somebody opens. */
import { bareOf } from "../protocol/ids";
import {
  buildLobbyChat,
  buildLobbyJoin,
  type Invitation,
  parseInvitation,
  parseLobbyChat,
} from "../protocol/lobby";
import { buildLeave, parsePresence } from "../protocol/presence";
import type { Xml } from "../protocol/xml";
import type { Seat } from "./seat";
import type { Problem } from "./state";
import type { Store } from "./store";

export interface LobbyGuestEvents {
  /** The door is open: go in with this password (empty: none). */
  admitted(seat: Seat, password: string): void;
  failed(problem: Problem, reason: string): void;
  nickTaken(seat: Seat): void;
}

export class LobbyGuest {
  /** The lobby's address while we wait in it. */
  private room = "";

  constructor(
    private readonly store: Store,
    private readonly events: LobbyGuestEvents,
  ) {}

  knock(seat: Seat, room: string, waitsForHost: boolean): void {
    this.room = room;
    this.store.dispatch({ kind: "knocking", waitsForHost });
    const { displayName } = this.store.state;
    seat.connection.send(buildLobbyJoin(`${room}/${seat.nick}`, displayName));
  }

  /** True when the stanza was said in the lobby, or is the way out of it. */
  receive(seat: Seat, stanza: Xml): boolean {
    if (this.room === "") return false;
    const from = bareOf(stanza.attrs.from ?? "").toLowerCase();
    if (stanza.name === "message") {
      const invitation = parseInvitation(stanza);
      if (invitation?.room === seat.room) {
        this.admitted(seat, invitation);
        return true;
      }
      if (from !== this.room) return false;
      this.said(stanza);
      return true;
    }
    if (stanza.name !== "presence" || from !== this.room) return false;
    this.presence(seat, stanza);
    return true;
  }

  say(seat: Seat, body: string): boolean {
    if (this.room === "" || body === "") return false;
    seat.connection.send(buildLobbyChat(this.room, body, false));
    this.line(body, true);
    return true;
  }

  /** The wait is over, whatever the reason. */
  leave(seat: Seat): void {
    if (this.room === "") return;
    seat.connection.send(buildLeave(`${this.room}/${seat.nick}`));
    this.room = "";
  }

  private admitted(seat: Seat, { password }: Invitation): void {
    this.leave(seat);
    this.events.admitted(seat, password);
  }

  private presence(seat: Seat, stanza: Xml): void {
    const presence = parsePresence(stanza);
    if (presence?.kind === "refused") {
      if (presence.condition === "conflict") this.events.nickTaken(seat);
      else this.events.failed("not-allowed", presence.text);
      return;
    }
    if (presence?.kind !== "gone" || !(presence.isSelf || presence.nick === seat.nick)) return;
    this.room = "";
    if (presence.continuesIn !== "") this.events.admitted(seat, "");
    else if (presence.kicked) this.events.failed("lobby-refused", presence.reason);
    else if (presence.destroyed) this.events.failed("ended-by-moderator", presence.reason);
  }

  private said(stanza: Xml): void {
    const said = parseLobbyChat(stanza);
    // The room repeats what we say ourselves.
    if (said && said.from !== this.store.state.ownId) this.line(said.body, false);
  }

  private line(body: string, isOwn: boolean): void {
    const line = { with: "", name: "", body, isOwn, at: Date.now() };
    this.store.dispatch({ kind: "lobby", event: { kind: "said", line } });
  }
}

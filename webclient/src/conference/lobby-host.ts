/** A moderator's side of the lobby: see who waits, talk to them, let them in or not. */
import { bareOf, type EndpointId } from "../protocol/ids";
import { buildAdmit, buildLobbyChat, buildLobbyJoin, parseLobbyChat } from "../protocol/lobby";
import { buildLeave, parsePresence } from "../protocol/presence";
import { buildKick } from "../protocol/room-admin";
import type { Xml } from "../protocol/xml";
import type { SeatAccess } from "./seat";
import type { Store } from "./store";

export class LobbyHost {
  private room = "";

  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
    private readonly mainRoom: string,
  ) {}

  /** Be in the lobby if there is one and we are a moderator; asked after every change of either. */
  follow(): void {
    const seat = this.seat();
    const { isModerator, rules } = this.store.state;
    const { lobbyRoom, isBreakout } = rules.room;
    // From a breakout room the door is still that of the main room.
    if (!seat?.isJoined || (isBreakout && lobbyRoom === "")) return;
    const wanted = isModerator ? lobbyRoom : "";
    if (wanted === this.room) return;
    if (this.room !== "") seat.connection.send(buildLeave(`${this.room}/${seat.nick}`));
    this.room = wanted;
    this.store.dispatch({ kind: "lobby", event: { kind: "closed" } });
    if (wanted !== "") {
      seat.connection.send(buildLobbyJoin(`${wanted}/${seat.nick}`, this.store.state.displayName));
    }
  }

  /** A new connection knows nothing of the old one's rooms. */
  forget(): void {
    this.room = "";
  }

  admit(endpoints: readonly EndpointId[]): void {
    const jids = this.store.state.lobby.waiting
      .filter((each) => endpoints.includes(each.id))
      .map((each) => each.realJid);
    if (jids.length > 0) this.seat()?.connection.send(buildAdmit(this.mainRoom, jids));
  }

  async refuse(endpoint: EndpointId): Promise<void> {
    const seat = this.seat();
    if (!seat || this.room === "") return;
    try {
      await seat.connection.request("set", this.room, buildKick(endpoint, ""));
    } catch {
      this.store.notice("action-refused");
    }
  }

  say(endpoint: EndpointId, body: string): boolean {
    const seat = this.seat();
    if (!seat || this.room === "" || body === "") return false;
    seat.connection.send(buildLobbyChat(`${this.room}/${endpoint}`, body, true));
    this.line(endpoint, body, true);
    return true;
  }

  /** True when the stanza was said in the lobby. */
  receive(stanza: Xml): boolean {
    const from = bareOf(stanza.attrs.from ?? "").toLowerCase();
    if (this.room === "" || from !== this.room) return false;
    if (stanza.name === "message") {
      const said = parseLobbyChat(stanza);
      if (said && said.from !== this.seat()?.nick) this.line(said.from, said.body, false);
    } else if (stanza.name === "presence") {
      this.presence(stanza);
    }
    return true;
  }

  private presence(stanza: Xml): void {
    const presence = parsePresence(stanza);
    const seat = this.seat();
    if (!presence || presence.kind === "refused" || !seat) return;
    if (presence.kind === "gone") {
      const isOver = presence.isSelf || presence.nick === seat.nick;
      if (isOver) this.room = "";
      this.store.dispatch({
        kind: "lobby",
        event: isOver ? { kind: "closed" } : { kind: "gone", id: presence.nick },
      });
      return;
    }
    const { nick, realJid, role, displayName } = presence;
    // Other moderators are in the lobby as well; they do not wait.
    if (nick === seat.nick || role === "moderator" || this.store.participant(nick)) return;
    this.store.dispatch({
      kind: "lobby",
      event: { kind: "knocked", person: { id: nick, name: displayName, realJid, at: Date.now() } },
    });
  }

  private line(endpoint: EndpointId, body: string, isOwn: boolean): void {
    const name = this.store.state.lobby.waiting.find((each) => each.id === endpoint)?.name ?? "";
    const line = { with: endpoint, name, body, isOwn, at: Date.now() };
    this.store.dispatch({ kind: "lobby", event: { kind: "said", line } });
  }
}

/** The room before the room: who waits there, and what is said between the two. */
import type { EndpointId } from "../../protocol/ids";

export interface Waiting {
  readonly id: EndpointId;
  readonly name: string;
  readonly realJid: string;
  readonly at: number;
}

export interface LobbyLine {
  readonly id: number;
  /** With whom: the one who waits. Empty on the waiting side, where there is only one other. */
  readonly with: EndpointId;
  readonly name: string;
  readonly body: string;
  readonly isOwn: boolean;
  readonly at: number;
}

export interface Lobby {
  /** In the order in which they knocked. */
  readonly waiting: readonly Waiting[];
  readonly lines: readonly LobbyLine[];
}

export type LobbyEvent =
  | { kind: "knocked"; person: Waiting }
  | { kind: "gone"; id: EndpointId }
  | { kind: "said"; line: Omit<LobbyLine, "id"> }
  | { kind: "closed" };

export const EMPTY_LOBBY: Lobby = { waiting: [], lines: [] };

const MAX_LINES = 200;

export function applyLobby(lobby: Lobby, event: LobbyEvent): Lobby {
  switch (event.kind) {
    case "knocked": {
      const before = lobby.waiting.find((each) => each.id === event.person.id);
      return {
        ...lobby,
        waiting: before
          ? lobby.waiting.map((each) =>
              each === before ? { ...event.person, at: before.at } : each,
            )
          : [...lobby.waiting, event.person],
      };
    }
    case "gone":
      return { ...lobby, waiting: lobby.waiting.filter((each) => each.id !== event.id) };
    case "said": {
      const id = (lobby.lines.at(-1)?.id ?? 0) + 1;
      return { ...lobby, lines: [...lobby.lines.slice(-MAX_LINES + 1), { ...event.line, id }] };
    }
    case "closed":
      return EMPTY_LOBBY;
  }
}

/** The presences of the room: who comes and goes, and what becomes of our own seat (XEP-0045 §7). */
import { SWITCH_ROOM } from "../protocol/breakouts";
import { FOCUS_NICK } from "../protocol/ids";
import {
  type JoinRefused,
  type OccupantGone,
  type OccupantPresence,
  parsePresence,
} from "../protocol/presence";
import type { Xml } from "../protocol/xml";
import type { EncryptionDoor } from "./e2ee/door";
import type { Seat } from "./seat";
import type { Problem, Question } from "./state";
import type { Store } from "./store";

/** What happens to ourselves. */
export interface SeatEvents {
  seated(seat: Seat): void;
  roleChanged(): void;
  /** Somebody else has our nick. */
  nickTaken(seat: Seat): void;
  removed(by: string, reason: string, isBanned: boolean): void;
  /** The room wants to know something first. */
  asked(question: Question): void;
  /** The way in leads through a lobby. */
  lobby(seat: Seat, room: string, waitsForHost: boolean): void;
  /** This room has ended, and the meeting goes on in another one. */
  sentTo(room: string): void;
  failed(problem: Problem, reason: string): void;
  /** The room does not know us any more, as after a restart of the server. */
  forgotten(seat: Seat): void;
}

const PROBLEMS: Readonly<Record<string, Problem>> = {
  "registration-required": "not-allowed",
  "not-allowed": "not-allowed",
  forbidden: "kept-out",
  "service-unavailable": "room-full",
};

export class Occupants {
  constructor(
    private readonly store: Store,
    private readonly encryption: Pick<EncryptionDoor, "peerChanged" | "peerLeft">,
    private readonly events: SeatEvents,
  ) {}

  receive(seat: Seat, stanza: Xml): void {
    const presence = parsePresence(stanza);
    if (!presence) return;
    if (presence.kind === "refused") this.refused(seat, presence);
    else if (presence.kind === "gone") this.gone(seat, presence);
    else this.available(seat, presence);
  }

  private available(seat: Seat, presence: OccupantPresence): void {
    const at = Date.now();
    if (presence.nick === FOCUS_NICK) {
      seat.focusRealJid = presence.realJid;
      if (presence.bridgeNotAvailable) this.store.notice("no-bridge");
      return;
    }
    const isModerator = presence.role === "moderator";
    if (presence.isSelf || presence.nick === seat.nick) {
      const wasModerator = this.store.state.isModerator;
      this.store.dispatch({ kind: "own-role-changed", isModerator, at });
      this.store.dispatch({ kind: "own-hand-stamped", at: presence.raisedHandAt });
      if (seat.isJoined && wasModerator !== isModerator) this.events.roleChanged();
      if (!seat.isJoined) {
        seat.isJoined = true;
        this.store.dispatch({ kind: "joined", at });
        this.events.seated(seat);
      }
      return;
    }
    this.encryption.peerChanged(presence.nick, presence.encryption);
    if (presence.isBot) seat.bots.add(presence.nick);
    const isNew = !this.store.participant(presence.nick);
    this.store.dispatch({
      kind: "endpoint-changed",
      at,
      participant: {
        id: presence.nick,
        displayName: presence.displayName,
        realJid: presence.realJid,
        isModerator,
        sources: presence.sources,
        raisedHandAt: presence.raisedHandAt,
        encrypts: presence.encryption.isOn,
        isReachable: true,
        spotlight: presence.spotlight,
      },
    });
    if (isNew && seat.isJoined) seat.media?.companyChanged();
  }

  private gone(seat: Seat, presence: OccupantGone): void {
    if (presence.isSelf || presence.nick === seat.nick) {
      if (presence.kicked) {
        const by = this.store.participant(presence.actor)?.displayName ?? "";
        this.events.removed(by, presence.reason, presence.banned);
      } else if (presence.destroyed && presence.continuesIn !== "") {
        this.events.sentTo(presence.continuesIn);
      } else if (presence.destroyed) {
        this.events.failed("ended-by-moderator", presence.reason);
      } else if (seat.isJoined) {
        this.events.forgotten(seat);
      }
      return;
    }
    this.store.dispatch({
      kind: "endpoint-left",
      endpoint: presence.nick,
      how: presence.kicked ? "removed" : presence.status === SWITCH_ROOM ? "moved" : "left",
      at: Date.now(),
    });
    this.encryption.peerLeft(presence.nick);
    seat.bots.delete(presence.nick);
    seat.media?.companyChanged();
  }

  private refused(seat: Seat, refusal: JoinRefused): void {
    if (seat.isJoined) return;
    const { condition } = refusal;
    if (condition === "conflict") this.events.nickTaken(seat);
    else if (refusal.needsName) this.events.asked("name");
    else if (condition === "not-authorized") {
      this.events.asked(seat.password === "" ? "password" : "password-again");
    } else if (condition === "registration-required" && refusal.lobby !== "") {
      this.events.lobby(seat, refusal.lobby, refusal.waitsForHost);
    } else this.events.failed(PROBLEMS[condition] ?? "conference-failed", refusal.text);
  }
}

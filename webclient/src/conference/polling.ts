/** Asking everybody, and answering. */
import { buildClosePoll, buildNewPoll, buildVote, type NewPoll } from "../protocol/polls";
import type { Xml } from "../protocol/xml";
import type { SeatAccess } from "./seat";
import type { Store } from "./store";

export class Polling {
  constructor(
    private readonly store: Store,
    private readonly seat: SeatAccess,
  ) {}

  /** True when this server has polls. */
  get isSupported(): boolean {
    return this.seat()?.components?.polls !== undefined;
  }

  open(poll: Omit<NewPoll, "id">): void {
    this.tell((to) => buildNewPoll(to, { ...poll, id: crypto.randomUUID() }));
  }

  vote(pollId: string, answers: boolean[]): void {
    this.tell((to) => buildVote(to, pollId, answers));
    this.store.dispatch({
      kind: "poll",
      event: { kind: "own-vote", pollId, answers },
      at: Date.now(),
    });
  }

  close(pollId: string): void {
    this.tell((to) => buildClosePoll(to, pollId));
  }

  private tell(build: (to: string) => Xml): void {
    const seat = this.seat();
    const to = seat?.components?.polls;
    if (seat && to) seat.connection.send(build(to));
    else this.store.notice("action-refused");
  }
}

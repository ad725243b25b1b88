/** The polls of this meeting, as they stand. */
import type { EndpointId } from "../../protocol/ids";
import type { Poll, PollMessage, Voter } from "../../protocol/polls";

export interface KnownPoll extends Poll {
  /** Which choices this participant has taken; null before that. */
  readonly ownAnswers: readonly boolean[] | null;
}

export type PollEvent = PollMessage | { kind: "own-vote"; pollId: string; answers: boolean[] };

function known(poll: Poll, own: EndpointId, before?: KnownPoll): KnownPoll {
  const voted = poll.choices.some(({ voters }) => voters.some((voter) => voter.id === own));
  return {
    ...poll,
    ownAnswers:
      before?.ownAnswers ??
      (voted ? poll.choices.map(({ voters }) => voters.some((voter) => voter.id === own)) : null),
  };
}

/** Somebody answers, perhaps once more: the last answer counts. */
function answered(poll: KnownPoll, voter: Voter, answers: readonly boolean[]): KnownPoll {
  const hadVoted = poll.choices.some(({ voters }) => voters.some((each) => each.id === voter.id));
  const choices = poll.choices.map((choice, index) => {
    const others = choice.voters.filter((each) => each.id !== voter.id);
    const voters = answers[index] ? [...others, voter] : others;
    return { ...choice, voters, votes: voters.length };
  });
  const hasVoted = answers.includes(true);
  return { ...poll, choices, voted: poll.voted - Number(hadVoted) + Number(hasVoted) };
}

export function applyPoll(
  polls: readonly KnownPoll[],
  event: PollEvent,
  own: EndpointId,
): readonly KnownPoll[] {
  const change = (id: string, how: (poll: KnownPoll) => KnownPoll): readonly KnownPoll[] =>
    polls.map((poll) => (poll.id === id ? how(poll) : poll));
  switch (event.kind) {
    case "opened":
      return polls.some((poll) => poll.id === event.poll.id)
        ? polls
        : [...polls, known(event.poll, own)];
    case "answered":
      return change(event.pollId, (poll) => {
        const next = poll.isAnonymous ? poll : answered(poll, event.voter, event.answers);
        return event.voter.id === own ? { ...next, ownAnswers: event.answers } : next;
      });
    case "counted":
      return change(event.pollId, (poll) => ({
        ...poll,
        voted: event.voted,
        choices: poll.choices.map((choice, index) => ({
          ...choice,
          votes: event.votes[index] ?? choice.votes,
        })),
      }));
    case "closed":
      return change(event.pollId, (poll) => ({ ...poll, isClosed: true }));
    case "known":
      return event.polls.map((poll) =>
        known(
          poll,
          own,
          polls.find((each) => each.id === poll.id),
        ),
      );
    case "own-vote":
      return change(event.pollId, (poll) => ({ ...poll, ownAnswers: event.answers }));
  }
}

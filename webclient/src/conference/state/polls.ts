/** The polls of this meeting, as they stand. */
import type { EndpointId } from "../../protocol/ids";
import type { EarlierPoll, Poll, PollMessage, Voter } from "../../protocol/polls";

export type PollEvent = PollMessage | { kind: "own-vote"; pollId: string; answers: boolean[] };

function known(poll: Poll, own: EndpointId, before?: Poll): Poll {
  const voted = poll.choices.some(({ voters }) => voters.some((voter) => voter.id === own));
  return {
    ...poll,
    ownAnswers:
      poll.ownAnswers ??
      before?.ownAnswers ??
      (voted ? poll.choices.map(({ voters }) => voters.some((voter) => voter.id === own)) : null),
  };
}

/** Somebody answers, perhaps once more: the last answer counts. */
function answered(poll: Poll, voter: Voter, answers: readonly boolean[]): Poll {
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
  polls: readonly Poll[],
  event: PollEvent,
  own: EndpointId,
): readonly Poll[] {
  const change = (id: string, how: (poll: Poll) => Poll): readonly Poll[] =>
    polls.map((poll) => (poll.id === id ? how(poll) : poll));
  switch (event.kind) {
    case "opened":
      return polls.some((poll) => poll.id === event.poll.id)
        ? polls
        : [...polls, known(event.poll, own)];
    case "answered":
      return change(event.pollId, (poll) => {
        const isTold = !poll.isAnonymous && (!poll.isSecretUntilEnd || poll.isClosed);
        const next = !isTold ? poll : answered(poll, event.voter, event.answers);
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
    case "earlier":
      return polls; // of another meeting: see below
  }
}

/** Those of earlier meetings, the latest first; each is told anew whenever we enter. */
export function applyEarlier(
  earlier: readonly EarlierPoll[],
  told: EarlierPoll,
): readonly EarlierPoll[] {
  const others = earlier.filter(
    ({ poll, endedAt }) => poll.id !== told.poll.id || endedAt !== told.endedAt,
  );
  return [told, ...others].sort((one, other) => other.endedAt - one.endedAt);
}

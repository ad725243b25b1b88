/** Polls (signalling notes 6.6), with what this server adds: one choice only, no names, an end. */
import { asNumber, asText, buildJsonMessage, isObject, type Json } from "./components";
import type { EndpointId } from "./ids";
import type { Xml } from "./xml";

export interface Voter {
  readonly id: EndpointId;
  readonly name: string;
}

export interface PollChoice {
  readonly name: string;
  readonly votes: number;
  /** Empty in an anonymous poll. */
  readonly voters: readonly Voter[];
}

export interface Poll {
  readonly id: string;
  readonly question: string;
  readonly from: EndpointId;
  readonly fromName: string;
  readonly choices: readonly PollChoice[];
  readonly isMultiple: boolean;
  readonly isAnonymous: boolean;
  /** Nobody knows how it stands before it is closed. */
  readonly isSecretUntilEnd: boolean;
  readonly isClosed: boolean;
  /** What we answered, when the server knows it from an earlier connection. */
  readonly ownAnswers: readonly boolean[] | null;
  /** How many have answered; may be more than the known voters. */
  readonly voted: number;
}

/** What a meeting in this room before this one asked, for those who lead the room. */
export interface EarlierPoll {
  readonly poll: Poll;
  /** When that meeting ended, in ms since the epoch. */
  readonly endedAt: number;
}

export type PollMessage =
  | { kind: "opened"; poll: Poll }
  | { kind: "answered"; pollId: string; voter: Voter; answers: readonly boolean[] }
  /** Totals instead of names: what an anonymous poll tells. */
  | { kind: "counted"; pollId: string; votes: readonly number[]; voted: number }
  | { kind: "closed"; pollId: string }
  /** All that there were when we came. */
  | { kind: "known"; polls: readonly Poll[] }
  | { kind: "earlier"; earlier: EarlierPoll };

function parseVoters(value: unknown): Voter[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map((each) => ({ id: asText(each.id), name: asText(each.name) }));
}

function parsePoll(value: Json): Poll | undefined {
  const id = asText(value.pollId);
  if (id === "" || !Array.isArray(value.answers)) return undefined;
  const isAnonymous = value.anonymous === true;
  const choices = value.answers.filter(isObject).map((answer) => {
    // Stock clients count voters, so an anonymous poll lists as many without names.
    const voters = isAnonymous ? [] : parseVoters(answer.voters);
    return {
      name: asText(answer.name),
      voters,
      votes: asNumber(answer.votes) ?? voters.length,
    };
  });
  const names = new Set(choices.flatMap(({ voters }) => voters.map((voter) => voter.id)));
  return {
    id,
    question: asText(value.question),
    from: asText(value.senderId),
    fromName: asText(value.senderName),
    choices,
    // Stock clients allow several answers and know no other kind.
    isMultiple: value.multiple !== false,
    isAnonymous,
    isSecretUntilEnd: value.resultsAtEnd === true,
    ownAnswers: Array.isArray(value.ownAnswers)
      ? value.ownAnswers.map((each) => each === true)
      : null,
    isClosed: value.closed === true,
    voted: asNumber(value.voted) ?? names.size,
  };
}

export function parsePolls(payload: Json): PollMessage | undefined {
  const pollId = asText(payload.pollId);
  switch (payload.command) {
    case "new-poll": {
      const poll = parsePoll(payload);
      return poll && { kind: "opened", poll };
    }
    case "answer-poll":
      if (!Array.isArray(payload.answers)) return undefined;
      return {
        kind: "answered",
        pollId,
        voter: { id: asText(payload.senderId), name: asText(payload.senderName) },
        answers: payload.answers.map((each) => each === true),
      };
    case "poll-results": {
      if (!Array.isArray(payload.votes)) return undefined;
      const votes = payload.votes.map((each) => asNumber(each) ?? 0);
      return { kind: "counted", pollId, votes, voted: asNumber(payload.voted) ?? 0 };
    }
    case "close-poll":
      return { kind: "closed", pollId };
    case "earlier-poll": {
      const poll = parsePoll(payload);
      const endedAt = asNumber(payload.endedAt) ?? 0;
      return poll && { kind: "earlier", earlier: { poll, endedAt } };
    }
    case "old-polls":
      if (!Array.isArray(payload.polls)) return undefined;
      return {
        kind: "known",
        polls: payload.polls
          .filter(isObject)
          .map(parsePoll)
          .filter((each) => each !== undefined),
      };
    default:
      return undefined;
  }
}

export interface NewPoll {
  readonly id: string;
  readonly question: string;
  readonly choices: readonly string[];
  readonly isMultiple: boolean;
  readonly isAnonymous: boolean;
  readonly isSecretUntilEnd: boolean;
}

export function buildNewPoll(component: string, poll: NewPoll): Xml {
  return buildJsonMessage(
    component,
    {
      type: "polls",
      command: "new-poll",
      pollId: poll.id,
      question: poll.question,
      answers: poll.choices.map((name) => ({ name })),
      multiple: poll.isMultiple,
      anonymous: poll.isAnonymous,
      resultsAtEnd: poll.isSecretUntilEnd,
    },
    "chat",
  );
}

export function buildVote(component: string, pollId: string, answers: readonly boolean[]): Xml {
  return buildJsonMessage(
    component,
    { type: "polls", command: "answer-poll", pollId, answers },
    "chat",
  );
}

export function buildClosePoll(component: string, pollId: string): Xml {
  return buildJsonMessage(component, { type: "polls", command: "close-poll", pollId }, "chat");
}

"""One poll: what it asks, who answered what, and what others may know of it.

Without I/O and without a clock. A voter is named by a key that its next connection has too
(`Persons`), so that one browser has one vote; the key is told to nobody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tertulia.xmpp.errors import BadRequest, NotAllowed, PolicyViolation, ResourceConstraint


@dataclass(frozen=True, slots=True, kw_only=True)
class PollLimits:
    """Texts of refusals name the field that was exceeded."""

    polls: int = 128  # of one room, as in the reference
    poll_bytes: int = 8 * 1024  # of one command; stock clients send less than 1 KiB
    poll_id_characters: int = 64
    poll_question_characters: int = 500
    poll_answers: int = 50
    poll_answer_characters: int = 500
    poll_voters: int = 1000
    polls_recalled: int = 50  # of earlier meetings, in rooms that are kept


class Choice(msgspec.Struct):
    name: str


class NewPoll(msgspec.Struct, kw_only=True):
    """The command `new-poll`; the last three are ours, their defaults what stock clients mean."""

    pollId: str  # as on the wire
    question: str
    answers: list[Choice]
    multiple: bool = True
    anonymous: bool = False
    resultsAtEnd: bool = False


class Vote(msgspec.Struct, kw_only=True):
    """What somebody answered, under the name it had then."""

    nick: str
    name: str
    answers: list[bool]


class Poll(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A poll as it stands; as JSON it survives a restart."""

    id: str
    question: str
    answers: list[str]
    sender: str  # the nickname of who asked
    sender_name: str
    owner: str  # the key of who asked
    multiple: bool = True
    anonymous: bool = False
    at_end: bool = False
    closed: bool = False
    votes: dict[str, Vote] = {}  # by the voter's key

    @classmethod
    def asked(cls, new: NewPoll, *, sender: str, name: str, owner: str, limits: PollLimits) -> Poll:
        """Raises: BadRequest, PolicyViolation."""
        if not 0 < len(new.pollId) <= limits.poll_id_characters:
            raise PolicyViolation("the id of a poll is too long (poll_id_characters)")
        question = _text(new.question, "question", limits.poll_question_characters)
        if not 1 <= len(new.answers) <= limits.poll_answers:
            raise PolicyViolation(f"a poll has 1 to {limits.poll_answers} answers (poll_answers)")
        answers = [
            _text(each.name, "answer", limits.poll_answer_characters) for each in new.answers
        ]
        return cls(
            id=new.pollId,
            question=question,
            answers=answers,
            sender=sender,
            sender_name=name,
            owner=owner,
            multiple=new.multiple,
            anonymous=new.anonymous,
            at_end=new.resultsAtEnd,
        )

    @property
    def is_told(self) -> bool:
        """Whether people may know how it stands."""
        return self.closed or not self.at_end

    def vote(
        self, key: str, nick: str, name: str, answers: Sequence[bool], limits: PollLimits
    ) -> Vote:
        """Answer, or answer again: the last one counts, and no choice at all takes it back.

        Returns: the vote, with the nickname under which the others know it.
        Raises: NotAllowed when the poll is closed, BadRequest, ResourceConstraint.
        """
        if self.closed:
            raise NotAllowed("the poll is closed")
        if len(answers) != len(self.answers):
            raise BadRequest(f"the poll has {len(self.answers)} answers")
        if not self.multiple and sum(answers) > 1:
            raise BadRequest("only one answer can be chosen")
        before = self.votes.get(key)
        if before is None and len(self.votes) >= limits.poll_voters:
            raise ResourceConstraint("too many have answered (poll_voters)")
        known_as = nick if before is None else before.nick
        vote = Vote(nick=known_as, name=name, answers=list(answers))
        if any(answers):
            self.votes[key] = vote
        else:
            self.votes.pop(key, None)
        return vote

    def counts(self) -> list[int]:
        """How many chose each answer."""
        return [
            sum(vote.answers[index] for vote in self.votes.values())
            for index in range(len(self.answers))
        ]

    def public(self, *, for_key: str = "") -> dict[str, Any]:
        """What somebody may know of it, in the form of `old-polls` (signalling reference 6.6).

        Nobody who voted is named in an anonymous poll; stock clients count the entries.

        Args:
            for_key: whose own answers are told as `ownAnswers`.
        """
        answers: list[dict[str, Any]] = []
        counts = self.counts() if self.is_told else [0] * len(self.answers)
        for index, text in enumerate(self.answers):
            answer: dict[str, Any] = {"name": text, "votes": counts[index]}
            if not self.is_told:
                answer["voters"] = []
            elif self.anonymous:
                answer["voters"] = [
                    {"id": f"anonymous-{index}-{number}", "name": ""}
                    for number in range(counts[index])
                ]
            else:
                answer["voters"] = [
                    {"id": vote.nick, "name": vote.name}
                    for vote in self.votes.values()
                    if vote.answers[index]
                ]
            answers.append(answer)
        told = {**self.header(), "answers": answers, "closed": self.closed, "voted": self.voted}
        if for_key in self.votes:
            told["ownAnswers"] = self.votes[for_key].answers
        return told

    @property
    def voted(self) -> int:
        return len(self.votes)

    def header(self) -> dict[str, Any]:
        """What it asks, in the form of `new-poll`."""
        about: dict[str, Any] = {
            "pollId": self.id,
            "senderId": self.sender,
            "question": self.question,
            "answers": [{"name": each} for each in self.answers],
            "multiple": self.multiple,
            "anonymous": self.anonymous,
            "resultsAtEnd": self.at_end,
        }
        if self.sender_name:
            about["senderName"] = self.sender_name
        return about

    def results(self) -> dict[str, Any]:
        """Totals without names: how an anonymous poll stands. Before the end of a poll that shows
        its results then, only how many have answered."""
        told: dict[str, Any] = {"command": "poll-results", "pollId": self.id, "voted": self.voted}
        told["votes"] = self.counts() if self.is_told else [0] * len(self.answers)
        return told


def _text(text: str, what: str, longest: int) -> str:
    text = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))
    text = text.strip()
    if not text:
        raise BadRequest(f"the {what} is empty")
    if len(text) > longest:
        raise PolicyViolation(f"the {what} is too long (poll_{what}_characters)")
    return text

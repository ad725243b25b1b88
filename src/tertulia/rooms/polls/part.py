"""The polls component (signalling reference 6.6): commands of people in, what they may know out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from tertulia.rooms.errors import NotPermitted
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.parts import Part, addresses, people
from tertulia.rooms.persons import Persons, display_name
from tertulia.rooms.polls.poll import NewPoll, Poll, PollLimits
from tertulia.rooms.rights import Feature
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import BadRequest, ItemNotFound, NotAllowed, PolicyViolation
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

T = TypeVar("T")


class _Command(msgspec.Struct):
    """What every command has."""

    type: Literal["polls"]
    command: str
    pollId: str  # as on the wire


class _Answer(msgspec.Struct):
    answers: list[bool]


_COMMAND = msgspec.json.Decoder(_Command)
_NEW = msgspec.json.Decoder(NewPoll)
_ANSWER = msgspec.json.Decoder(_Answer)


class Polls(Part):
    """The polls of every room.

    Attributes:
        keep: told of each poll that a room leaves behind.
        recall: asked for the polls that earlier meetings of a room left; they come by `recalled`.
    """

    name: ClassVar[str] = "polls"

    def __init__(
        self,
        domain: str,
        *,
        persons: Persons | None = None,
        limits: PollLimits | None = None,
        keep: Callable[[Room, dict[str, Any]], None] = lambda room, poll: None,
    ) -> None:
        super().__init__(domain)
        self.keep = keep
        self.recall: Callable[[Room], None] = lambda room: None
        self._earlier: dict[Jid, list[dict[str, Any]]] = {}
        self._persons = persons or Persons()
        self.limits = limits or PollLimits()
        self._polls: dict[Jid, dict[str, Poll]] = {}

    # Notices

    def entered(self, room: Room, newcomer: Occupant) -> None:
        polls = self._polls.get(room.jid)
        if polls:
            key = self._persons.key_of(newcomer)
            known = [poll.public(for_key=key) for poll in polls.values()]
            self._say((newcomer,), {"command": "old-polls", "polls": known})
        self._tell_earlier(room, newcomer)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        if _may_read_earlier(now) and not _may_read_earlier(before):
            self._tell_earlier(room, now)

    def ended(self, room: Room) -> None:
        self._earlier.pop(room.jid, None)
        for poll in self._polls.pop(room.jid, {}).values():
            poll.closed = True  # whatever was to be shown at the end
            self.keep(room, poll.public())

    # Earlier meetings

    def _tell_earlier(self, room: Room, occupant: Occupant) -> None:
        """What earlier meetings of a main room left; asked for once, when somebody may read it."""
        if room.main is not None or not _may_read_earlier(occupant):
            return
        if room.jid in self._earlier:
            for each in self._earlier[room.jid]:
                self._say((occupant,), each)
        else:
            self._earlier[room.jid] = []
            self.recall(room)

    def recalled(self, room: Room, polls: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """The polls of earlier meetings are here, oldest first, each with when its meeting ended
        (ms since the epoch). The newest `polls_recalled` of them are told."""
        if self.parts.room(room.jid) is not room:
            return
        told = [{**poll, "command": "earlier-poll", "endedAt": at_ms} for at_ms, poll in polls]
        self._earlier[room.jid] = told[-self.limits.polls_recalled :]
        for occupant in filter(_may_read_earlier, people(room)):
            self._tell_earlier(room, occupant)

    # Requests

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        child = stanza.find("json-message", "*")
        text = "" if child is None else child.text
        if len(text.encode()) > self.limits.poll_bytes:
            raise PolicyViolation(f"over {self.limits.poll_bytes} bytes (poll_bytes)")
        command = _read(_COMMAND, text)
        match command.command:
            case "new-poll":
                self._ask(room, sender, _read(_NEW, text))
            case "answer-poll":
                self._answer(room, sender, command.pollId, _read(_ANSWER, text).answers)
            case "close-poll":
                self._close(room, sender, command.pollId)
            case _:
                raise BadRequest("no such command for polls")
        self.touched(room)

    def _ask(self, room: Room, sender: Occupant, new: NewPoll) -> None:
        if not room.permits(sender, Feature.POLLS):
            raise NotAllowed("asking everybody is kept for others here")
        polls = self._polls.setdefault(room.jid, {})
        if new.pollId in polls:
            raise NotAllowed("Poll already exists")
        if len(polls) >= self.limits.polls:
            raise PolicyViolation(f"a room has at most {self.limits.polls} polls (polls)")
        poll = polls[new.pollId] = Poll.asked(
            new,
            sender=sender.nick,
            name=display_name(sender),
            owner=self._persons.key_of(sender),
            limits=self.limits,
        )
        self._say(people(room), {"command": "new-poll", **poll.header()})

    def _answer(self, room: Room, sender: Occupant, poll_id: str, answers: list[bool]) -> None:
        poll = self._poll(room, poll_id)
        key = self._persons.key_of(sender)
        vote = poll.vote(key, sender.nick, display_name(sender), answers, self.limits)
        answered = {
            "command": "answer-poll",
            "pollId": poll.id,
            "answers": vote.answers,
            "senderId": vote.nick,
            "senderName": vote.name,
        }
        if poll.is_told and not poll.anonymous:
            self._say(people(room), answered)
            return
        # The voter alone is told its own answer; the others how many there are.
        self._say((sender,), {**answered, "senderId": sender.nick})
        self._say(people(room), poll.results())

    def _close(self, room: Room, sender: Occupant, poll_id: str) -> None:
        poll = self._poll(room, poll_id)
        if poll.owner != self._persons.key_of(sender) and sender.role is not Role.MODERATOR:
            raise NotPermitted("only moderators and who asked end a poll")
        if poll.closed:
            return
        poll.closed = True
        self._say(people(room), {"command": "close-poll", "pollId": poll.id})
        if poll.at_end or poll.anonymous:
            self._say(people(room), poll.results())
            # Stock clients, and the names where they may be known.
            for each in people(room):
                every = [
                    poll.public(for_key=self._persons.key_of(each))
                    for poll in self._polls[room.jid].values()
                ]
                self._say((each,), {"command": "old-polls", "polls": every})

    def _poll(self, room: Room, poll_id: str) -> Poll:
        poll = self._polls.get(room.jid, {}).get(poll_id)
        if poll is None:
            raise ItemNotFound("no such poll")
        return poll

    def _say(self, to: Iterable[Occupant], payload: dict[str, Any]) -> None:
        self.tell(addresses(to), {"type": self.name, **payload})

    # What survives

    def dump(self, room: Room) -> Any:
        polls = self._polls.get(room.jid)
        return msgspec.to_builtins(list(polls.values())) if polls else None

    def load(self, room: Room, state: Any) -> None:
        polls = msgspec.convert(state, list[Poll])
        self._polls[room.jid] = {poll.id: poll for poll in polls}


def _may_read_earlier(occupant: Occupant) -> bool:
    """Moderators who are known: the first in a room may become one, and links are passed on."""
    return occupant.role is Role.MODERATOR and occupant.admission.is_named


def _read(decoder: msgspec.json.Decoder[T], text: str) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadRequest("that is no command for polls") from None

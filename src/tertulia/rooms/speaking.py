"""How long each has spoken: the speakerstats component (signalling reference 6.7).

Clients say when the bridge names them the dominant speaker; it is their word, so a client that lies
gets more time in a list and nothing else. Those who have left stay in the list.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from tertulia.rooms.occupant import Occupant
from tertulia.rooms.parts import Part
from tertulia.rooms.persons import display_name
from tertulia.rooms.room import Room
from tertulia.xmpp import ns as NS
from tertulia.xmpp.errors import BadRequest
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

_MOST_SPEAKERS = 1000  # of one room; the first to have left is forgotten
_MOST_EXPRESSIONS = 200  # of one person; the oldest is forgotten
_EXPRESSIONS = frozenset(
    {"happy", "neutral", "sad", "surprised", "angry", "fearful", "disgusted", "no-detection"}
)


class _Speaker(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str = ""
    ms: int = 0
    expressions: list[dict[str, Any]] = []


class _Floor(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The speakers of one room, by nickname; `since_ms` is when the one who speaks began."""

    speakers: dict[str, _Speaker] = {}
    speaking: str = ""
    since_ms: int = 0

    def stop(self, now_ms: int) -> None:
        speaker = self.speakers.get(self.speaking)
        if speaker is not None:
            speaker.ms += max(0, now_ms - self.since_ms)
        self.speaking = ""

    def told(self, now_ms: int) -> dict[str, Any]:
        users = {}
        for nick, each in self.speakers.items():
            running = max(0, now_ms - self.since_ms) if nick == self.speaking else 0
            users[nick] = {
                "displayName": each.name,
                "totalDominantSpeakerTime": each.ms + running,
                "faceLandmarks": each.expressions,
            }
        return users


class SpeakerStats(Part):
    """The speaker times of every room."""

    name: ClassVar[str] = "speakerstats"

    def __init__(self, domain: str) -> None:
        super().__init__(domain)
        self._floors: dict[Jid, _Floor] = {}

    def entered(self, room: Room, newcomer: Occupant) -> None:
        floor = self._floors.get(room.jid)
        if floor is not None and floor.speakers:
            told = {"type": self.name, "users": floor.told(self._now_ms())}
            self.tell((newcomer.jid,), told)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        floor = self._floors.get(room.jid)
        speaker = None if floor is None else floor.speakers.get(now.nick)
        if speaker is not None:
            speaker.name = display_name(now)

    def left(self, room: Room, occupant: Occupant) -> None:
        floor = self._floors.get(room.jid)
        if floor is not None and floor.speaking == occupant.nick:
            floor.stop(self._now_ms())
            self.touched(room)

    def ended(self, room: Room) -> None:
        self._floors.pop(room.jid, None)

    def message(self, room: Room, sender: Occupant, stanza: Element) -> None:
        speaks = stanza.find("speakerstats", NS.JITMEET)
        face = stanza.find("faceLandmarks", NS.JITMEET)
        if speaks is not None:
            self._speaks(room, sender, is_silent=speaks.get("silence") == "true")
        elif face is not None:
            self._looks(room, sender, face)
        else:
            raise BadRequest("a <speakerstats/> or <faceLandmarks/> was expected")
        self.touched(room)

    def _speaks(self, room: Room, sender: Occupant, *, is_silent: bool) -> None:
        floor, now_ms = self._floor(room), self._now_ms()
        if is_silent:
            if floor.speaking == sender.nick:
                floor.stop(now_ms)
            return
        floor.stop(now_ms)
        self._speaker(floor, sender)
        floor.speaking, floor.since_ms = sender.nick, now_ms

    def _looks(self, room: Room, sender: Occupant, face: Element) -> None:
        expression = face.get("faceExpression")
        if expression not in _EXPRESSIONS:
            raise BadRequest("no such expression")
        try:
            seconds, at = float(face.get("duration")), float(face.get("timestamp"))
        except ValueError:
            raise BadRequest("duration and timestamp are numbers") from None
        if not (0 <= seconds < 1e9 and 0 <= at < 1e15):
            raise BadRequest("duration and timestamp are numbers of a meeting")
        known = self._speaker(self._floor(room), sender).expressions
        known.append({"duration": seconds, "faceExpression": expression, "timestamp": at})
        del known[:-_MOST_EXPRESSIONS]

    def _floor(self, room: Room) -> _Floor:
        return self._floors.setdefault(room.jid, _Floor())

    def _speaker(self, floor: _Floor, sender: Occupant) -> _Speaker:
        speaker = floor.speakers.setdefault(sender.nick, _Speaker())
        speaker.name = display_name(sender)
        while len(floor.speakers) > _MOST_SPEAKERS:
            floor.speakers.pop(next(iter(floor.speakers)))
        return speaker

    def _now_ms(self) -> int:
        return int(self.parts.clock() * 1000)

    # What survives

    def dump(self, room: Room) -> Any:
        floor = self._floors.get(room.jid)
        return None if floor is None else msgspec.to_builtins(floor)

    def load(self, room: Room, state: Any) -> None:
        self._floors[room.jid] = msgspec.convert(state, _Floor)

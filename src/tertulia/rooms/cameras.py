"""Meetings in which the camera has to be on, as in an exam: who has none is shown to moderators.

Moderators switch it on with the room's metadata key `cameraRequired`, which everybody sees. Nobody
is removed or muted for it: cameras fail, and what follows is for a person to decide (decision 44).
What counts is what clients say of their sources in presence; whether a picture shows anything is
for people to see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from tertulia.rooms.metadata import RoomMetadata
from tertulia.rooms.occupant import Occupant, Role
from tertulia.rooms.parts import Part, Timer, addresses, moderators, people
from tertulia.rooms.room import Room
from tertulia.xmpp.errors import BadRequest
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.xml import Element

KEY = "cameraRequired"  # of the metadata; true or false
_SOURCE_INFO = msgspec.json.Decoder(dict[str, dict[str, Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLimits:
    """`camera_grace_s`: how long a camera may be off before it is told; it takes a moment to come
    in, and a picture drops out when somebody changes the device."""

    camera_grace_s: float = 20.0


class _Watch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One meeting in which cameras are required; its breakout rooms belong to it."""

    since_ms: dict[str, int] = {}  # who has no camera, by nickname
    told: list[str] = []  # of whom moderators know


class Cameras(Part):
    """The cameras of every meeting that requires them."""

    name: ClassVar[str] = "cameras"

    def __init__(self, domain: str, *, limits: CameraLimits | None = None) -> None:
        super().__init__(domain)
        self._grace_ms = int((limits or CameraLimits()).camera_grace_s * 1000)
        self._watches: dict[Jid, _Watch] = {}  # by main room
        self._timers: dict[Jid, Timer] = {}  # likewise; for whoever is due next

    def added(self) -> None:
        metadata = self.parts.part(RoomMetadata.name)
        if isinstance(metadata, RoomMetadata):
            metadata.rules[KEY] = _is_true_or_false
            metadata.on_key.append(self._switched)

    # Notices

    def entered(self, room: Room, newcomer: Occupant) -> None:
        main = room.main or room
        watch = self._watches.get(main.jid)
        if watch is None:
            return
        self._look_at(room, watch, newcomer)
        self._settle(main, watch, newcomer if newcomer.role is Role.MODERATOR else None)

    def changed(self, room: Room, before: Occupant, now: Occupant) -> None:
        main = room.main or room
        watch = self._watches.get(main.jid)
        if watch is None:
            return
        self._look_at(room, watch, now)
        leads_now = before.role is not now.role and now.role is Role.MODERATOR
        self._settle(main, watch, now if leads_now else None)

    def left(self, room: Room, occupant: Occupant) -> None:
        main = room.main or room
        watch = self._watches.get(main.jid)
        if watch is not None and watch.since_ms.pop(occupant.nick, None) is not None:
            self._settle(main, watch)

    def ended(self, room: Room) -> None:
        self._watches.pop(room.jid, None)
        self._no_timer(room.jid)

    def _switched(self, room: Room, key: str, data: Any) -> None:
        if key != KEY:
            return
        if data is not True:
            if self._watches.pop(room.jid, None) is not None:
                self.tell(addresses(self._moderators(room)), self._about(_Watch(), ()))
            self._no_timer(room.jid)
        elif room.jid not in self._watches:
            watch = self._watches[room.jid] = _Watch()
            for each in self.parts.family(room):
                for occupant in people(each):
                    self._look_at(each, watch, occupant)
            self._settle(room, watch)
        self.touched(room)

    # Who is seen, and who is not

    def _look_at(self, room: Room, watch: _Watch, occupant: Occupant) -> None:
        """Moderators lead and need no camera; recorders and gateways have none."""
        is_excused = occupant.role is Role.MODERATOR or room.is_internal(occupant.jid)
        if is_excused or has_camera(occupant.presence):
            watch.since_ms.pop(occupant.nick, None)
        else:
            watch.since_ms.setdefault(occupant.nick, self._now_ms())

    def _settle(self, main: Room, watch: _Watch, leads_now: Occupant | None = None) -> None:
        """Tell who is new among those without a camera, and look again when the next is due.

        `leads_now` is a moderator who has not been told of anybody yet.
        """
        now_ms = self._now_ms()
        due = {nick: at + self._grace_ms for nick, at in watch.since_ms.items()}
        missing = [nick for nick, at in due.items() if at <= now_ms]
        if missing != watch.told:
            news = set(missing) ^ set(watch.told)
            watch.told = missing
            self.tell(addresses(self._moderators(main)), self._about(watch, missing))
            for room in self.parts.family(main):
                for each in people(room):
                    if each.nick in news and each.role is not Role.MODERATOR:
                        own = [nick for nick in missing if nick == each.nick]
                        self.tell((each.jid,), self._about(watch, own))
        elif leads_now is not None and missing:
            self.tell((leads_now.jid,), self._about(watch, missing))
        self.touched(main)
        self._no_timer(main.jid)
        next_ms = min((at for at in due.values() if at > now_ms), default=None)
        if next_ms is not None:
            self._timers[main.jid] = self.parts.later(
                (next_ms - now_ms) / 1000, lambda: self._is_due(main)
            )

    def _is_due(self, main: Room) -> None:
        watch = self._watches.get(main.jid)
        if watch is not None:
            self._settle(main, watch)

    def _no_timer(self, room: Jid) -> None:
        timer = self._timers.pop(room, None)
        if timer is not None:
            timer.cancel()

    def _moderators(self, main: Room) -> list[Occupant]:
        """They learn it wherever in the meeting they are."""
        return [each for room in self.parts.family(main) for each in moderators(room)]

    def _about(self, watch: _Watch, nicks: Iterable[str]) -> dict[str, Any]:
        """All of it each time: since when (ms since the epoch) who has no camera. Moderators get
        everybody; whoever it is about gets the own entry."""
        missing = {nick: watch.since_ms[nick] for nick in nicks}
        return {"type": self.name, "missing": missing, "now": self._now_ms()}

    def _now_ms(self) -> int:
        return int(self.parts.clock() * 1000)

    # What survives

    def dump(self, room: Room) -> Any:
        watch = self._watches.get(room.jid)
        return None if watch is None else msgspec.to_builtins(watch)

    def load(self, room: Room, state: Any) -> None:
        watch = self._watches[room.jid] = msgspec.convert(state, _Watch)
        # Whoever was about to be told of is told of once everything stands again.
        self._timers[room.jid] = self.parts.later(self._grace_ms / 1000, lambda: self._is_due(room))
        watch.told = [nick for nick in watch.told if nick in watch.since_ms]


def has_camera(presence: Iterable[Element]) -> bool:
    """Whether a presence tells of a camera that is on (signalling reference 4.2): a source that is
    not in `SourceInfo` counts as muted, and without `SourceInfo` `videomuted` says it."""
    muted = True
    for child in presence:
        if child.name == "SourceInfo":
            try:
                sources = _SOURCE_INFO.decode(child.text)
            except msgspec.DecodeError:
                return False
            return any(map(_is_camera_on, sources.items()))
        if child.name == "videomuted":
            muted = child.text != "false"
    return not muted


def _is_camera_on(source: tuple[str, dict[str, Any]]) -> bool:
    name, info = source
    return (
        name.partition("-")[2].startswith("v")
        and info.get("muted") is False
        and info.get("videoType") != "desktop"
    )


def _is_true_or_false(room: Room, data: Any) -> None:
    if data is not None and not isinstance(data, bool):
        raise BadRequest(f"{KEY} is true or false")

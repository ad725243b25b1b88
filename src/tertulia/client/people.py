"""Who is in the room, as its presences tell (XEP-0045, Jitsi profile)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tertulia.xmpp import ns as NS
from tertulia.xmpp.xml import Element

FOCUS_NICK = "focus"
_NOTHING: Mapping[str, SourceState] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What an occupant says of one of its sources (`SourceInfo`)."""

    muted: bool = True
    video_type: str = "camera"  # or "desktop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One occupant; `id` is its endpoint id, the nickname in the room."""

    id: str
    name: str = ""
    role: str = ""  # "moderator" or "participant"
    raised_hand: bool = False
    is_bot: bool = False  # recorders and gateways say so
    sources: Mapping[str, SourceState] = field(default_factory=lambda: _NOTHING)

    def is_muted(self, source: str) -> bool:
        """A source that is not mentioned counts as muted, as in stock clients."""
        state = self.sources.get(source)
        return state is None or state.muted

    @classmethod
    def of(cls, presence: Element) -> Person:
        """Read an available presence; lenient, everything in it was written by the other side."""
        nick = presence.get("from").partition("/")[2]
        item = presence.find("x", NS.MUC_USER)
        item = None if item is None else item.find("item")
        name = presence.find("nick", NS.NICK)
        hand = presence.find("jitsi_participant_raisedHand")
        return cls(
            id=nick,
            name="" if name is None else name.text,
            role="" if item is None else item.get("role"),
            raised_hand=hand is not None and hand.text.strip() not in ("", "0", "false"),
            is_bot=presence.find("bot") is not None or _is_service(presence),
            sources=_states(presence, nick),
        )


def _is_service(presence: Element) -> bool:
    features = presence.find("features")
    found = () if features is None else features.find_all("feature")
    services = ("http://jitsi.org/protocol/jigasi", "http://jitsi.org/protocol/jibri")
    return any(each.get("var") in services for each in found)


def _states(presence: Element, nick: str) -> Mapping[str, SourceState]:
    info = presence.find("SourceInfo")
    if info is None:
        return _legacy_states(presence, nick)
    try:
        decoded = json.loads(info.text)
    except (ValueError, RecursionError):
        return _NOTHING
    if not isinstance(decoded, dict):
        return _NOTHING
    return MappingProxyType(
        {
            name: SourceState(
                muted=each.get("muted") is True,
                video_type="desktop" if each.get("videoType") == "desktop" else "camera",
            )
            for name, each in decoded.items()
            if name.startswith(f"{nick}-") and isinstance(each, dict)
        }
    )


def _legacy_states(presence: Element, nick: str) -> Mapping[str, SourceState]:
    """Gateways say their state the old way."""
    kind = presence.find("videoType")
    video_type = "desktop" if kind is not None and kind.text == "desktop" else "camera"
    states = {}
    for tag, suffix in (("audiomuted", "a0"), ("videomuted", "v0")):
        element = presence.find(tag)
        if element is not None:
            states[f"{nick}-{suffix}"] = SourceState(
                muted=element.text == "true", video_type=video_type
            )
    return MappingProxyType(states)


class People(Mapping[str, Person]):
    """Everybody in the room but us and the focus, by endpoint id: a view that stays true."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}

    def __getitem__(self, id: str) -> Person:  # noqa: A002  # an endpoint id
        return self._people[id]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._people))

    def __len__(self) -> int:
        return len(self._people)

    def put(self, person: Person) -> Person | None:
        """Remember what somebody says now; returns what was known before."""
        before = self._people.get(person.id)
        self._people[person.id] = person
        return before

    def remove(self, id: str) -> Person | None:  # noqa: A002
        return self._people.pop(id, None)

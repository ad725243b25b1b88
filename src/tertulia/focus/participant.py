"""One participant as the focus sees it: an occupant and its Jingle session with the bridge."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import msgspec

from tertulia.focus.features import Caps, Features
from tertulia.rooms.rights import EVERY_KIND, MediaKind
from tertulia.xmpp.colibri2 import ForceMute, MediaOffer
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.jingle_rtp import EndpointSources
from tertulia.xmpp.xml import Element

_SOURCE_INFO = msgspec.json.Decoder(dict[str, dict[str, Any]])


class SessionState(Enum):
    NONE = auto()  # to be invited as soon as that is possible
    ALLOCATING = auto()  # the bridge was asked for a transport
    OFFERED = auto()  # session-initiate is out
    ACCEPTING = auto()  # session-accept is with the bridge
    ACTIVE = auto()
    ENDED = auto()  # by the participant, or by a failure: not invited again by itself

    @property
    def is_on_bridge(self) -> bool:
        return self not in (SessionState.NONE, SessionState.ENDED)

    @property
    def is_signalled(self) -> bool:
        """True when the client knows of the session."""
        return self in (SessionState.OFFERED, SessionState.ACCEPTING, SessionState.ACTIVE)


class RateLimit:
    """At most one event in `min_interval_s`, and `per_minute` in any minute."""

    def __init__(self, min_interval_s: float = 5.0, per_minute: int = 5) -> None:
        self._min_interval_s = min_interval_s
        self._recent: deque[float] = deque(maxlen=per_minute)

    def allow(self, now: float) -> bool:
        """Count an event at `now` if it is within the limits; False when it is not."""
        if self._recent and now - self._recent[-1] < self._min_interval_s:
            return False
        if len(self._recent) == self._recent.maxlen and now - self._recent[0] < 60.0:
            return False
        self._recent.append(now)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """What a presence in the room says, stamped by the room, about one occupant."""

    nick: str
    jid: Jid  # the real one
    is_moderator: bool = False
    is_owner: bool = False
    caps: Caps | None = None
    stats_id: str = ""
    region: str = ""  # where its client says it is
    host: str | None = None  # the name under which its client reached this server
    is_internal: bool = False  # a recorder or gateway with an account of ours
    may_send: frozenset[MediaKind] = EVERY_KIND  # what the room lets it send
    shares_screen: bool = False  # says its SourceInfo

    @property
    def muc_role(self) -> str:
        """The role as COLIBRI2 spells it."""
        if self.is_owner:
            return "owner"
        return "moderator" if self.is_moderator else "participant"


def shares_screen(presence: Element) -> bool:
    """Whether a presence tells of a screen that is not muted (signalling reference 4.2)."""
    told = presence.find("SourceInfo", "*")
    if told is None:
        return False
    try:
        sources = _SOURCE_INFO.decode(told.text)
    except msgspec.DecodeError:
        return False
    return any(
        each.get("videoType") == "desktop" and each.get("muted") is not True
        for each in sources.values()
    )


@dataclass(slots=True)
class Participant:
    occupant: Occupant
    features: Features | None = None  # None: still asking
    features_by: float = 0.0  # when to stop waiting for them
    state: SessionState = SessionState.NONE
    sid: str = ""
    serial: int = 0  # counts sessions, to tell late answers
    ended_sids: deque[str] = field(default_factory=lambda: deque(maxlen=10))
    media: tuple[MediaOffer, ...] = ()  # what its session offers
    rewrites: bool = False  # the bridge tells it the sources, not we
    told: Mapping[str, EndpointSources] = field(default_factory=dict)
    tell_at: float | None = None  # when queued source changes go out
    lost_at: float | None = None  # when its bridge told that its endpoint is gone
    muted: set[MediaKind] = field(default_factory=set)  # by a moderator, until it unmutes itself
    silenced: ForceMute = field(default_factory=ForceMute)  # what the bridge keeps back
    restarts: RateLimit = field(default_factory=RateLimit)
    ice_restarts: RateLimit = field(default_factory=RateLimit)
    reinvites: RateLimit = field(default_factory=lambda: RateLimit(0.0, 10))

    @property
    def nick(self) -> str:
        return self.occupant.nick

    def end_session(self, state: SessionState) -> None:
        """Forget the session; its sid is remembered to tell a late request from a foreign one."""
        if self.sid:
            self.ended_sids.append(self.sid)
        self.sid, self.state, self.told, self.tell_at = "", state, {}, None
        self.lost_at, self.silenced = None, ForceMute()
        self.serial += 1

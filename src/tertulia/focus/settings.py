"""Where the focus is addressed, and how much it takes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from tertulia.focus.brewery import BreweryLimits
from tertulia.focus.conference import FOCUS_NICK
from tertulia.focus.limits import ConferenceLimits
from tertulia.xmpp.jid import Jid


@dataclass(frozen=True, slots=True)
class FocusAddresses:
    """The addresses derived from the one host name."""

    jid: Jid  # of the focus user, full
    component: Jid
    rooms: str  # the MUC domain of meetings
    breakouts: str  # the MUC domain of their breakout rooms
    brewery: Jid  # the room
    guests: str  # the domain of guests, where they have one of their own

    @classmethod
    def of(cls, host: str) -> FocusAddresses:
        return cls(
            jid=Jid("focus", f"auth.{host}", FOCUS_NICK),
            component=Jid("", f"focus.{host}"),
            rooms=f"conference.{host}",
            breakouts=f"breakout.{host}",
            brewery=Jid("jvbbrewery", f"internal.auth.{host}"),
            guests=f"guest.{host}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusSettings:
    conference: ConferenceLimits = field(default_factory=ConferenceLimits)
    brewery: BreweryLimits = field(default_factory=BreweryLimits)
    region_groups: tuple[frozenset[str], ...] = ()  # regions that are near each other
    max_conferences: int = 1000
    rooms_per_creator: int = 200  # new ones in an hour
    offer_timeout_s: float = 15.0
    disco_timeout_s: float = 10.0
    health_interval_s: float = 10.0
    health_timeout_s: float = 15.0

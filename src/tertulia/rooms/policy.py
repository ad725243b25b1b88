"""What differs between the MUC services: the meetings, and the brewery of the bridges."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tertulia.rooms.bans import Trace
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.limits import RoomLimits
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid

# Strict for meetings, since a nickname is an endpoint id and part of source names (reference 4.3).
ENDPOINT_NICK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
# Bridges and recorders are named by their operators.
COMPONENT_NICK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _guest(jid: Jid) -> Admission:
    return GUEST


def _anybody(admission: Admission) -> bool:
    return True


def _not_kept(room: Jid) -> KeptRoom | None:
    return None


def _forget(room: Jid, kept: KeptRoom) -> None:
    """Nothing outlives the room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomPolicy:
    """The rules of one MUC service.

    `admission_of` tells what the login of a real full JID has shown; `kept` what is laid down for a
    room whether or not anybody is in it, and `keep` is told when its owner changes that.
    """

    focus: Jid
    may_enter: Callable[[Jid], bool]
    may_open: Callable[[Jid], bool]
    nick: re.Pattern[str] = ENDPOINT_NICK
    needs_focus: bool = True  # nobody enters while the focus is not in the room
    first_becomes_owner: bool = True
    admission_of: Callable[[Jid], Admission] = _guest
    are_named_in_tokens: bool = False  # a token is good for the room it names (`Admission.room`)
    may_join: Callable[[Admission], bool] = _anybody
    kept: Callable[[Jid], KeptRoom | None] = _not_kept
    keep: Callable[[Jid, KeptRoom], None] = _forget
    limits: RoomLimits = field(default_factory=RoomLimits)
    trace_of: Callable[[Jid], Trace] = lambda jid: Trace()  # by the real full JID
    lobbies: str = ""  # the domain of the lobbies, "" for none

    def is_focus(self, jid: Jid) -> bool:
        return jid.is_of(self.focus)

    def is_internal(self, jid: Jid) -> bool:
        """True of the focus, and of recorders and gateways, which have accounts of our own."""
        return jid.domain == self.focus.domain

    @classmethod
    def meetings(
        cls,
        host: str,
        focus: Jid,
        limits: RoomLimits | None = None,
        trace_of: Callable[[Jid], Trace] = lambda jid: Trace(),
    ) -> RoomPolicy:
        """Guests and accounts meet; only the focus opens rooms."""
        name = host.lower()
        domains = {name, f"guest.{name}", f"auth.{name}"}
        return cls(
            focus=focus,
            may_enter=lambda jid: jid.domain in domains,
            may_open=lambda jid: jid.bare == focus.bare,
            limits=limits or RoomLimits(),
            trace_of=trace_of,
            lobbies=f"lobby.{name}",
            are_named_in_tokens=True,
        )

    @classmethod
    def brewery(cls, host: str, focus: Jid, limits: RoomLimits | None = None) -> RoomPolicy:
        """Internal accounts only; whoever comes first opens the room, so that the order in which
        bridges and focus start does not matter."""
        domain = f"auth.{host.lower()}"
        # A bridge's presence carries its statistics: about a hundred elements, often.
        wide = RoomLimits(occupants=1000, presence_bytes=64 * 1024, presence_elements=1000)
        return cls(
            focus=focus,
            may_enter=lambda jid: jid.domain == domain,
            may_open=lambda jid: jid.domain == domain,
            nick=COMPONENT_NICK,
            needs_focus=False,
            first_becomes_owner=False,
            limits=limits or wide,
        )

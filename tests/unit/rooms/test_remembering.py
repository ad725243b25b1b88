"""What a room is after a restart: all that it was, but for who was away."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import Any

import pytest
from tests.unit.rooms.house import FOCUS, HOST, PLAZA

from tertulia.rooms.administration import AffiliationChange, Configuration
from tertulia.rooms.bans import Trace
from tertulia.rooms.errors import PasswordRequired
from tertulia.rooms.kept import KeptRoom
from tertulia.rooms.occupant import Affiliation
from tertulia.rooms.policy import RoomPolicy
from tertulia.rooms.rights import Permissions
from tertulia.rooms.room import Room
from tertulia.survival import state_file
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.pace import TokenBucket
from tertulia.xmpp.xml import Element, parse_document

# What a room has from its maker, and what its shell takes back or does without.
_GIVEN = frozenset({"jid", "_room", "_policy", "_limits", "_limit", "is_focus", "main", "_main"})
_NOT_KEPT = frozenset({"absences", "ended_because"})
ANA, BEA, CAI, DAN, YUN = (Jid(name, HOST, "1") for name in ("ana", "bea", "cai", "dan", "yun"))
NAME = "<nick xmlns='http://jabber.org/protocol/nick'>{}</nick>"
HAND = "<jitsi_participant_raisedHand>5</jitsi_participant_raisedHand>"


class Site:
    """What a room asks of the site."""

    def __init__(self) -> None:
        self.kept = KeptRoom()

    def policy(self) -> RoomPolicy:
        host = Admission(is_authenticated=True, account=f"yun@{HOST}")
        return replace(
            RoomPolicy.meetings(HOST, FOCUS),
            admission_of=lambda jid: host if jid == YUN else GUEST,
            trace_of=lambda jid: Trace(address="192.0.2.1", machine=jid.node),
            kept=lambda jid: self.kept,
        )


def stanza(name: str, children: str) -> Element:
    return parse_document(f"<{name} xmlns='jabber:client' id='1'>{children}</{name}>")


def full_room(policy: RoomPolicy, site: Site) -> Room:
    """One in which everything that can happen has happened."""
    room = Room(PLAZA, policy)
    for jid in (FOCUS, ANA, BEA, CAI, DAN):
        room.join(jid, jid.node, stanza("presence", NAME.format(jid.node)), now=1.0)
    site.kept = KeptRoom(owner=f"yun@{HOST}")  # Ana was elected; now the room is Yun's
    room.join(YUN, YUN.node, stanza("presence", ""), now=2.0)
    room.say(ANA, stanza("message", "<body>hello</body>"), now=3.0)
    room.say(ANA, stanza("message", "<subject>Budget</subject>"), now=3.0)
    room.chat.keep(False)
    room.permissions = Permissions().changed({"rename": "moderators"})
    room.presenters["bea"] = BEA.bare
    room.update(BEA, "bea", stanza("presence", HAND + NAME.format("Beatriz")), now=4.0)
    banned = AffiliationChange(jid=CAI.bare, affiliation=Affiliation.OUTCAST)
    room.administer(ANA, [banned])
    room.has_breakouts = True
    room.leave(DAN, stanza("presence", "<status>switch_room</status>"))
    room.configure(ANA, Configuration(password="sesame"))
    with pytest.raises(PasswordRequired):
        room.join(Jid("eve", HOST, "1"), "eve", stanza("presence", ""), now=5.0, password="x")
    room.configure(ANA, Configuration(password="sesame", members_only=True))
    room.let_in(Jid("flo", HOST))
    return room


def state_of(thing: Any, path: str = "room", seen: set[int] | None = None) -> dict[str, str]:
    """Every attribute of a room and of what it is put together of, by the way to it."""
    seen = set() if seen is None else seen
    seen.add(id(thing))
    found: dict[str, str] = {}
    for name, value in vars(thing).items():
        if name in _GIVEN | _NOT_KEPT or id(value) in seen:
            continue
        is_ours = type(value).__module__.startswith("tertulia.rooms.")
        if is_ours and hasattr(value, "__dict__") and not is_dataclass(value):
            found |= state_of(value, f"{path}.{name}", seen)
        else:
            found[f"{path}.{name}"] = _text_of(value)
    return found


def _text_of(value: object) -> str:
    if isinstance(value, dict):
        return repr({key: _text_of(each) for key, each in value.items()})
    if isinstance(value, TokenBucket):
        return f"{value.level(0.0)} of {value.burst}"
    return repr(value)


def test_a_room_in_which_everything_is_set_comes_back_equal() -> None:
    site = Site()
    policy = site.policy()
    before = full_room(policy, site)

    after = Room(PLAZA, policy)
    rows = state_file.loads(state_file.dumps(before.dump()))
    after.load(rows, before.occupants())

    assert state_of(after) == state_of(before)


def test_nothing_that_a_room_knows_was_left_out_of_that() -> None:
    site = Site()
    fresh = state_of(Room(PLAZA, site.policy()))
    full = state_of(full_room(site.policy(), site))

    assert {path for path in full if full[path] == fresh[path]} == set()


def test_what_a_state_does_not_have_stays_as_it_is() -> None:
    site = Site()
    room = full_room(site.policy(), site)
    before = state_of(room)

    room.load({"entry": {}, "of another version": {"a": 1}}, ())

    assert state_of(room) == before

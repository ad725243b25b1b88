"""Who comes in where: every mix of who the site lets in, how the room is kept, and who comes when.

The services are put together as the server does it; what a login or a link shows is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tertulia.accounts.passwords import Account, keys_of
from tertulia.accounts.tokens import Tokens
from tertulia.admitting import Kept, entrance
from tertulia.config import Config
from tertulia.config.people import Access
from tertulia.rooms.kept import KeptRoom
from tertulia.server.meetings import meetings
from tertulia.xmpp.admission import GUEST, Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.stanza import read_error
from tertulia.xmpp.xml import Element, parse_document, serialise

HOST = "meet.example"
ANA = f"ana@{HOST}"
KEYS = keys_of("correct horse", iterations=4096)
ROOM = f"plaza@conference.{HOST}"

ROOMS = {
    "any room": None,
    "Ana's": KeptRoom(owner=ANA),
    "Ana's, hers to open": KeptRoom(owner=ANA, may_open="owner"),
    "Ana's, with a password": KeptRoom(owner=ANA, password="p"),
    "Ana's, with a lobby": KeptRoom(owner=ANA, lobby=True),
    "Ana's, with both": KeptRoom(owner=ANA, lobby=True, password="p"),
    "for members": KeptRoom(members_only=True),
    "for members, guests knock": KeptRoom(members_only=True, lobby=True),
    "nobody's, with a lobby": KeptRoom(lobby=True),
}
WHO = {
    "a guest": GUEST,
    "a guest who knows the password": GUEST,
    "Bea, who has an account": Admission(is_authenticated=True, account=f"bea@{HOST}"),
    "Ana": Admission(is_authenticated=True, account=ANA),
    "a link that leads": Admission(is_authenticated=True, moderates=True, room="plaza"),
    "a link that does not": Admission(is_authenticated=True, moderates=False, room="plaza"),
    "a link to another room": Admission(is_authenticated=True, moderates=True, room="patio"),
}
# i: comes in, w: waits for the host, l: has to log in, k: knocks, p: is asked for the password,
# x: is refused. One letter for each of WHO, into the empty room and into the one in which Ana is.
# A room with a lobby is there before its host: its members walk in, the others knock.
TABLE = """
everybody opens, everybody joins
any room                   iiiiiix iiiiiix
Ana's                      iiiiiix iiiiiix
Ana's, hers to open        wwwiiwx iiiiiix
Ana's, with a password     pipiipx pipiipx
Ana's, with a lobby        kkkiikx kkkiikx
Ana's, with both           kikiikx kikiikx
for members                xxiiiix xxiiiix
for members, guests knock  kkiiiix kkiiiix
nobody's, with a lobby     kkiiikx kkiiikx

everybody opens, accounts joins
any room                   lliiiix lliiiix
Ana's                      lliiiix lliiiix
Ana's, hers to open        llwiiwx lliiiix
Ana's, with a password     llpiipx llpiipx
Ana's, with a lobby        llkiikx llkiikx
Ana's, with both           llkiikx llkiikx
for members                lliiiix lliiiix
for members, guests knock  lliiiix lliiiix
nobody's, with a lobby     lliiikx lliiikx

accounts opens, everybody joins
any room                   wwiiiwx iiiiiix
Ana's                      wwiiiwx iiiiiix
Ana's, hers to open        wwwiiwx iiiiiix
Ana's, with a password     wwpiiwx pipiipx
Ana's, with a lobby        kkkiikx kkkiikx
Ana's, with both           kikiikx kikiikx
for members                wwiiiwx xxiiiix
for members, guests knock  kkiiiix kkiiiix
nobody's, with a lobby     kkiiikx kkiiikx

accounts opens, accounts joins
any room                   lliiiwx lliiiix
Ana's                      lliiiwx lliiiix
Ana's, hers to open        llwiiwx lliiiix
Ana's, with a password     llpiiwx llpiipx
Ana's, with a lobby        llkiikx llkiikx
Ana's, with both           llkiikx llkiikx
for members                lliiiwx lliiiix
for members, guests knock  lliiiix lliiiix
nobody's, with a lobby     lliiikx lliiikx
"""


class Person:
    """A session that keeps what it gets."""

    def __init__(self, router: Router, jid: str, admission: Admission) -> None:
        self.jid = Jid.parse(jid)
        self.origin = Origin(admission=admission)
        self.got: list[Element] = []
        self._router = router
        router.bind(self)

    def deliver(self, stanza: Element) -> None:
        self.got.append(stanza)

    def says(self, stanza: str) -> list[Element]:
        """Returns: what it gets at once."""
        before = len(self.got)
        element = parse_document(stanza.replace(" ", " xmlns='jabber:client' ", 1))
        element.attrs["from"] = str(self.jid)
        self._router.route(element)
        return self.got[before:]

    def asks(self) -> str:
        """Ask for the conference: "" or why not."""
        conference = (
            "<conference xmlns='http://jitsi.org/protocol/focus' "
            f"room='{ROOM}' machine-uid='{self.jid.node}'/>"
        )
        (answer,) = self.says(f"<iq type='set' id='c' to='focus.{HOST}'>{conference}</iq>")
        if answer.get("type") == "result":
            return ""
        text = read_error(answer).text
        return "w" if "host" in text else "l" if "log in" in text else "x"

    def enters(self, password: str) -> str:
        x = f"<x xmlns='http://jabber.org/protocol/muc'><password>{password}</password></x>"
        name = "<nick xmlns='http://jabber.org/protocol/nick'>Somebody</nick>"
        for each in self.says(f"<presence to='{ROOM}/{self.jid.resource}'>{x}{name}</presence>"):
            if each.name != "presence" or each.get("from") != f"{ROOM}/{self.jid.resource}":
                continue
            if each.get("type") != "error":
                return "i"
            condition = read_error(each).condition
            if condition == "registration-required":
                return "k" if "<lobbyroom" in serialise(each) else "x"
            return {"not-authorized": "p"}.get(condition, "x")
        raise AssertionError("no answer")


def comes(opens: str, joins: str, kept: KeptRoom | None, who: str, *, host_is_in: bool) -> str:
    router, known = Router(), Kept()
    known.accounts.replace(
        [Account(name=name, display_name=name, keys=KEYS) for name in ("ana", "bea")]
    )
    known.rooms.replace({} if kept is None else {"plaza": kept})
    config = replace(Config(), host=HOST, access=Access(open=opens, join=joins))
    door = entrance(config, Tokens({}), known, router)
    focus = meetings(config, router, door, known, "secret").focus
    focus.start()
    try:
        if host_is_in:
            host = Person(router, f"{ANA}/host", WHO["Ana"])
            assert (host.asks(), host.enters("p")) == ("", "i")
        admission = WHO[who]
        someone = Person(router, (admission.account or f"someone@guest.{HOST}") + "/new", admission)
        refusal = someone.asks()
        answer = someone.enters("p" if "knows" in who else "")
        assert not (refusal and answer == "i"), "came in though it may not"
        return refusal or answer
    finally:
        focus.stop()


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    opens = joins = ""
    for line in TABLE.strip().splitlines():
        if line.endswith(" joins"):
            opens, joins = (half.split()[0] for half in line.split(", "))
        elif line:
            room, first, later = line.rsplit(maxsplit=2)
            yield opens, joins, room.strip(), first, later


@pytest.mark.parametrize(("opens", "joins", "room", "first", "later"), list(rows()))
async def test_who_comes_in(opens: str, joins: str, room: str, first: str, later: str) -> None:
    found = [
        "".join(comes(opens, joins, ROOMS[room], who, host_is_in=is_in) for who in WHO)
        for is_in in (False, True)
    ]

    assert found == [first, later]


def test_no_mix_is_left_out() -> None:
    mixes = {(opens, joins, room) for opens, joins, room, _, _ in rows()}

    assert mixes == {
        (opens, joins, room)
        for opens in ("everybody", "accounts")
        for joins in ("everybody", "accounts")
        for room in ROOMS
    }

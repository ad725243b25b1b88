"""Sessions outlive their connections: for how long, for whom, and at what cost."""

from __future__ import annotations

import json

import pytest

from tertulia.errors import MalformedInput, PeerError
from tertulia.xmpp.admission import Admission
from tertulia.xmpp.jid import Jid
from tertulia.xmpp.limits import XmppLimits
from tertulia.xmpp.resumption import CountTooHigh, Resumable, read_count
from tertulia.xmpp.router import Origin, Router
from tertulia.xmpp.sessions import ClientSession, Sessions

ANA = Jid.parse("84816e4d-039d-43b1-b51d-1075cbe7461f@meet.example/one")
LIMITS = XmppLimits(resume_s=60, silence_s=10.0, unacknowledged_stanzas=100)


class Line:
    """A connection that notes what it carries."""

    def __init__(self) -> None:
        self.carried: list[str] = []
        self.is_replaced = False

    def carry(self, text: str) -> None:
        self.carried.append(text)

    def replaced(self) -> None:
        self.is_replaced = True


class House:
    """A router, its sessions, and what it told about ANA."""

    def __init__(self, limits: XmppLimits = LIMITS) -> None:
        self.router = Router()
        self.sessions = Sessions(self.router, limits)
        self.told: list[str] = []
        self.router.hibernated.append(lambda jid: self.told.append("hibernated"))
        self.router.woken.append(lambda jid: self.told.append("woken"))
        self.router.unbound.append(lambda jid: self.told.append("unbound"))
        self.line = Line()
        self.session = self.sessions.open(self.line, ANA, Origin())
        self.kept = self.enable(self.session)

    def enable(self, session: ClientSession, *, is_account: bool = False) -> Resumable:
        kept = self.sessions.enable(session.jid, Origin(), is_account=is_account, resume=True)
        self.sessions.count(session, kept)
        return kept

    def cut(self, heard: float = 0.0) -> None:
        self.session.carrier = None
        self.sessions.detach(self.session, heard)

    def come_back(self, h: int = 0) -> Line:
        line = Line()
        self.kept.resume_at(h)
        session = self.sessions.resume(line, self.kept)
        assert session is self.session
        session.send_again(self.kept)
        self.sessions.wake(session)
        return line


def test_what_came_during_a_short_cut_is_sent_afterwards() -> None:
    house = House()
    house.session.deliver_text("<message id='1'/>")
    house.session.deliver_text("<message id='2'/>")
    house.cut()
    house.session.deliver_text("<message id='3'/>")
    house.sessions.check(9.0)

    line = house.come_back(h=1)

    assert line.carried == ["<message id='2'/>", "<message id='3'/>"]
    assert house.told == []


def test_after_the_silence_others_see_it_go_and_come_back() -> None:
    house = House()
    house.cut(heard=100.0)

    house.sessions.check(109.9)
    assert house.told == []
    house.sessions.check(110.0)
    assert house.told == ["hibernated"]
    assert house.router.session(ANA) is None
    house.sessions.check(159.0)
    house.come_back()

    assert house.told == ["hibernated", "woken"]
    assert house.router.session(ANA) is house.session


def test_it_ends_when_nobody_comes_back() -> None:
    house = House()
    house.cut(heard=100.0)
    house.sessions.check(110.0)

    house.sessions.check(160.0)

    assert house.told == ["hibernated", "unbound"]
    assert house.sessions.proven(house.kept.id, domain="meet.example", username="") is None
    assert not house.sessions.are_any_silent


def test_without_resumption_it_ends_with_its_connection() -> None:
    house = House()
    other = house.sessions.open(Line(), ANA.with_resource("two"), Origin())
    other.carrier = None

    house.sessions.detach(other, 0.0)

    assert house.told == ["unbound"]


def test_a_new_connection_takes_over_from_one_believed_alive() -> None:
    house = House()

    line = house.come_back()
    house.session.deliver_text("<message/>")

    assert house.line.is_replaced
    assert (house.line.carried, line.carried) == ([], ["<message/>"])
    assert house.told == []


@pytest.mark.parametrize(
    ("domain", "username"),
    [("auth.meet.example", ""), ("meet.example", "ana"), ("auth.meet.example", ANA.node)],
)
def test_the_session_of_a_guest_is_for_guests_of_its_domain(domain: str, username: str) -> None:
    house = House()

    assert house.sessions.proven(house.kept.id, domain=domain, username=username) is None


def test_the_session_of_an_account_is_for_that_account() -> None:
    house = House()
    jid = Jid.parse("ana@auth.meet.example/desk")
    kept = house.enable(house.sessions.open(Line(), jid, Origin()), is_account=True)
    proven = house.sessions.proven

    assert proven(kept.id, domain="auth.meet.example", username="ana") is kept
    assert proven(kept.id, domain="auth.meet.example", username="eve") is None
    assert proven(kept.id, domain="auth.meet.example", username="") is None


def test_whoever_verifies_tokens_may_refuse_or_change_the_origin() -> None:
    class Expired(PeerError):
        pass

    def verify(origin: Origin, kept: Resumable) -> Origin:
        if origin.token == "expired":
            raise Expired
        return origin if origin.token == "good" else kept.origin

    router = Router()
    sessions = Sessions(router, LIMITS, may_resume=verify)
    session = sessions.open(Line(), ANA, Origin(token="first"))
    kept = sessions.enable(ANA, Origin(token="first"), is_account=False, resume=True)
    sessions.count(session, kept)

    def claim(token: str) -> Resumable | None:
        return sessions.claim(
            kept.id, domain="meet.example", username="", origin=Origin(token=token)
        )

    assert claim("expired") is None
    assert claim("of another room") is kept
    assert kept.origin.token == "first"
    assert claim("good") is kept
    sessions.resume(Line(), kept)
    assert router.origin(ANA) == Origin(token="good")


def test_who_comes_back_with_a_new_token_is_admitted_anew_once() -> None:
    house = House()
    readmitted: list[Jid] = []
    house.router.readmitted.append(readmitted.append)
    house.cut()
    house.come_back()
    assert readmitted == []

    house.cut()
    house.kept.origin = Origin(admission=Admission(is_authenticated=True))
    house.come_back()
    house.cut()
    house.come_back()

    assert readmitted == [ANA]


def test_what_waits_for_a_client_is_bounded() -> None:
    house = House()
    for _ in range(151):
        house.session.deliver_text("<presence/>")

    assert not house.kept.can_resume
    assert not house.kept.unacknowledged
    house.kept.acknowledge(151)  # it counts on
    assert house.sessions.proven(house.kept.id, domain="meet.example", username="") is None
    house.cut()
    assert house.told == ["unbound"]


def test_hibernating_sessions_are_bounded() -> None:
    house = House(XmppLimits(hibernating_sessions=2))
    others = [house.sessions.open(Line(), ANA.with_resource(n), Origin()) for n in "abc"]
    for each in others:
        house.enable(each)
        each.carrier = None
        house.sessions.detach(each, 0.0)

    house.sessions.check(1.0)

    assert house.router.session(others[0].jid) is None
    assert house.router.session(others[1].jid) is others[1]


def test_the_client_is_asked_for_its_count_now_and_then() -> None:
    house = House()
    for _ in range(50):
        house.session.deliver_text("<presence/>")

    assert house.line.carried[-1] == "<r xmlns='urn:xmpp:sm:3'/>"
    house.session.request_count()
    assert len(house.line.carried) == 51  # nothing was sent since


def test_when_we_were_late_nobody_was_silent() -> None:
    house = House()
    house.cut(heard=100.0)

    house.sessions.forgive(30.0)
    house.sessions.check(135.0)

    assert house.told == []


def test_a_session_survives_being_written_down() -> None:
    house = House()
    house.session.deliver_text("<message/>")
    house.kept.took()
    state = json.loads(json.dumps([each.dump() for each in house.sessions.dump()]))

    after = House()
    after.sessions.end(after.session)
    after.told.clear()
    kept = Resumable.load(state[0])
    after.sessions.load(kept, now=0.0)

    # The client has had more than what was written down of it: it is believed.
    kept.resume_at(7)
    session = after.sessions.resume(line := Line(), kept)
    assert session is not None
    session.send_again(kept)
    after.sessions.wake(session)
    session.deliver_text("<message id='new'/>")
    assert kept.received == 1
    assert (kept.sent, kept.acknowledged) == (8, 7)
    assert line.carried == ["<message id='new'/>"]
    assert after.told == ["woken"]  # for it has missed things


def test_counts_wrap() -> None:
    kept = House().kept
    kept.sent = kept.acknowledged = 2**32 - 1
    kept.received = 2**32 - 1
    kept.keep("<message/>")
    kept.took()

    kept.acknowledge(0)

    assert (kept.sent, kept.received, list(kept.unacknowledged)) == (0, 0, [])


@pytest.mark.parametrize("h", [4, 2**32 - 1, 0])
def test_counts_that_cannot_be_change_nothing(h: int) -> None:
    kept = House().kept
    for _ in range(3):
        kept.keep("<message/>")
    kept.acknowledge(1)

    with pytest.raises(CountTooHigh):
        kept.acknowledge(h)

    assert (kept.acknowledged, len(kept.unacknowledged)) == (1, 2)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "4294967296", "99999999999", "\u0663", "1 "])
def test_a_count_is_a_number_of_32_bits(text: str) -> None:
    with pytest.raises(MalformedInput):
        read_count(text)


def test_somebody_who_begins_anew_ends_its_old_session() -> None:
    house = House()
    house.cut()

    house.sessions.open(Line(), ANA.with_resource("two"), Origin(), replaces=house.kept.id)

    assert house.told == ["unbound"]
    assert house.router.session(ANA) is None


def test_a_hibernating_address_is_not_taken_from_its_owner() -> None:
    house = House()
    house.cut()
    house.sessions.check(20.0)
    again = house.sessions.open(Line(), ANA, Origin())  # an account, with its fixed resource

    assert house.told == ["hibernated", "unbound"]
    assert house.router.session(ANA) is again
    house.sessions.check(100.0)
    assert house.router.session(ANA) is again

"""Who is there, as presences tell."""

import pytest

from tertulia.client.people import People, Person
from tertulia.client.stay import status_codes, why_gone
from tertulia.xmpp.xml import Element, parse_document


def presence(children: str) -> Element:
    return parse_document(
        f"<presence xmlns='jabber:client' from='plaza@c.x/bea'>{children}</presence>"
    )


def test_a_person_is_read() -> None:
    person = Person.of(
        presence(
            "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x>"
            "<nick xmlns='http://jabber.org/protocol/nick'>Bea</nick>"
            "<jitsi_participant_raisedHand>1700000000</jitsi_participant_raisedHand>"
            '<SourceInfo>{"bea-a0":{"muted":false},"bea-v1":{"videoType":"desktop"},'
            '"ana-a0":{"muted":true}}</SourceInfo>'
        )
    )

    assert (person.id, person.name, person.role, person.raised_hand) == (
        "bea",
        "Bea",
        "moderator",
        True,
    )
    assert set(person.sources) == {"bea-a0", "bea-v1"}
    assert (person.is_muted("bea-a0"), person.is_muted("bea-v0")) == (False, True)
    assert person.sources["bea-v1"].video_type == "desktop"


def test_gateways_say_their_state_the_old_way() -> None:
    person = Person.of(presence("<audiomuted>true</audiomuted><videomuted>false</videomuted>"))

    assert {name: each.muted for name, each in person.sources.items()} == {
        "bea-a0": True,
        "bea-v0": False,
    }


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"bea-a0": 3}', "[" * 100_000])
def test_nonsense_about_sources_is_no_source(text: str) -> None:
    assert not Person.of(presence(f"<SourceInfo>{text}</SourceInfo>")).sources


def test_the_view_stays_true_while_it_is_walked() -> None:
    people = People()
    for nick in ("ana", "bea", "eva"):
        people.put(Person(id=nick))

    for nick in people:
        people.remove(nick)

    assert not people


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ("<status code='307'/>", "removed from the meeting"),
        ("<destroy/>", "the meeting has ended"),
        ("<status code='x'/>", "left"),
    ],
)
def test_the_reason_of_the_end_is_told(inner: str, reason: str) -> None:
    gone = presence(f"<x xmlns='http://jabber.org/protocol/muc#user'>{inner}</x>")

    assert why_gone(gone) == reason
    assert status_codes(gone) <= {307}

"""Which bridge a conference gets, and who may open how many."""

import pytest
from tests.unit.focus.meeting import BREWERY, Meeting, announcement

from tertulia.focus.brewery import Brewery
from tertulia.focus.component import Creators, TooManyRooms, creator_of


def brewery(**bridges: dict[str, str]) -> Brewery:
    found = Brewery(region_groups=(frozenset({"eu-1", "eu-2"}),))
    for name, stats in bridges.items():
        found.announced(BREWERY.with_resource(name), announcement(**stats), 0.0)
    return found


CHOICES = [
    # (bridges, region of the people, chosen)
    ({"a": {"stress_level": "0.3"}, "b": {"stress_level": "0.2"}}, "", "b"),
    ({"a": {"region": "eu-1"}, "b": {"region": "us", "stress_level": "0.0"}}, "eu-1", "a"),
    ({"a": {"region": "eu-2"}, "b": {"region": "us", "stress_level": "0.0"}}, "eu-1", "a"),
    ({"a": {"region": "eu-1", "stress_level": "0.8"}, "b": {"region": "us"}}, "eu-1", "b"),
    ({"a": {"region": "eu-1", "stress_level": "1.2"}}, "eu-1", "a"),
    ({"a": {"region": "eu-1", "drain": "true"}, "b": {"region": "us"}}, "eu-1", "b"),
    ({"a": {"drain": "true"}}, "", "a"),
    ({"a": {"graceful_shutdown": "true"}, "b": {"drain": "true"}}, "", "b"),
    ({"a": {"shutting_down": "true"}}, "", None),
    ({"a": {"healthy": "false"}}, "", None),
]


@pytest.mark.parametrize(("bridges", "region", "chosen"), CHOICES)
def test_the_bridge_is_near_and_has_room(
    bridges: dict[str, dict[str, str]], region: str, chosen: str | None
) -> None:
    selected = brewery(**bridges).select(1.0, region)

    assert (selected.name if selected is not None else None) == chosen


def test_new_endpoints_count_before_the_bridge_reports_them() -> None:
    bridges = brewery(a={"stress_level": "0.10"}, b={"stress_level": "0.12"})
    for _ in range(5):
        bridges.endpoint_added(BREWERY.with_resource("a"), 1.0)

    assert str(bridges.select(2.0)).startswith("Bridge[jid=jvbbrewery@internal.auth.meet.example/b")
    selected = bridges.select(60.0 - 21.0)
    assert selected is not None
    assert selected.name == "a"


def test_endpoints_of_long_ago_are_not_remembered() -> None:
    bridges = brewery(a={"stress_level": "0.1"})
    seat = BREWERY.with_resource("a")

    for number in range(10_000):
        bridges.endpoint_added(seat, number * 1.0)

    bridge = bridges.get(seat)
    assert bridge is not None
    assert len(bridge.recent) <= 20


def test_a_conference_is_where_its_first_people_are() -> None:
    meeting = Meeting(bridges=())
    meeting.bridge_arrives("far", region="us", stress_level="0.0")
    meeting.bridge_arrives("near", region="eu", stress_level="0.5")

    meeting.joins("ana", region="eu")
    meeting.joins("bea", region="us")

    assert meeting.conference.bridge is not None
    assert meeting.conference.bridge.name == "near"


def test_one_creator_opens_twenty_rooms_an_hour() -> None:
    creators = Creators(20)
    for minute in range(20):
        creators.count("192.0.2.1", minute * 60.0)

    with pytest.raises(TooManyRooms, match="at most 20 new rooms an hour"):
        creators.count("192.0.2.1", 3599.0)
    creators.count("192.0.2.2", 3599.0)
    creators.count("192.0.2.1", 3600.0)


@pytest.mark.parametrize(
    ("ip", "creator"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("", ""),
    ],
)
def test_who_counts_as_one_creator(ip: str, creator: str) -> None:
    assert creator_of(ip) == creator


def test_two_hundred_conferences_spread_evenly_over_four_bridges() -> None:
    names = ("a", "b", "c", "d")
    site = brewery(**{name: {"stress_level": "0.0"} for name in names})
    people = dict.fromkeys(names, 0)
    for number in range(200):  # one each half second, of three to seven people
        now = number / 2
        if number % 10 == 0:  # what each has measured since
            for name in names:
                stress = f"{people[name] * 0.002:.3f}"
                site.announced(BREWERY.with_resource(name), announcement(stress_level=stress), now)
        chosen = site.select(now)
        assert chosen is not None
        for _ in range(3 + number % 5):
            people[chosen.name] += 1
            site.endpoint_added(chosen.jid, now)

    assert sum(people.values()) == 1000
    assert max(people.values()) <= 1.1 * min(people.values()), people

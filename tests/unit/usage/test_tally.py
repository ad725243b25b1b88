"""What is counted of meetings: figures by hand, and laws that hold whatever people do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tertulia.usage.days import Day, size_class, total
from tertulia.usage.tally import Counted, Tally, UsageLimits

NOON = 1_795_262_400_000  # 2026-11-21 12:00 UTC
MINUTE = 60_000
HOUR = 60 * MINUTE


def new(now_ms: int = NOON, gap_s: float = 48 * 3600) -> Tally:
    limits = UsageLimits(usage_gap_s=gap_s)
    return Tally(lambda room, day: f"{day[:7]}{room}", now_ms, limits)


def test_a_meeting_is_counted_by_hand() -> None:
    tally = new()
    tally.came("m", "plaza", "ana", NOON)  # alone: no meeting yet
    tally.came("m", "plaza", "bea", NOON + 10 * MINUTE)
    tally.came("m", "plaza", "carla", NOON + 20 * MINUTE)
    tally.went("m", "bea", NOON + 30 * MINUTE)
    tally.came("m", "plaza", "bea", NOON + 40 * MINUTE)  # the same person again
    tally.ended("m", NOON + 50 * MINUTE)

    counted = tally.take(NOON + HOUR)

    assert counted.days == {
        "2026-11-21": Day(
            meetings=1,
            participants=3,
            person_ms=(2 * 10 + 3 * 10 + 2 * 10 + 3 * 10) * MINUTE,
            longest_ms=40 * MINUTE,
            peak_people=3,
            peak_meetings=1,
            sizes=[0, 1, 0, 0, 0],
        )
    }
    assert counted.marks == {"2026-11-21": {"2026-11plaza"}}
    assert (tally.people, tally.running, tally.meetings) == (0, 0, {})


def test_who_waits_alone_is_no_meeting() -> None:
    tally = new()
    tally.came("m", "plaza", "ana", NOON)
    tally.ended("m", NOON + HOUR)

    assert tally.take(NOON + HOUR) == Counted({}, {})


def test_a_night_is_split_at_midnight_and_the_meeting_belongs_to_its_evening() -> None:
    tally = new()
    evening = NOON + 11 * HOUR
    tally.came("m", "plaza", "ana", evening)
    tally.came("m", "plaza", "bea", evening)
    tally.ended("m", evening + 3 * HOUR)

    days = tally.take(evening + 3 * HOUR).days

    assert days["2026-11-21"].person_ms == 2 * HOUR
    assert days["2026-11-22"].person_ms == 4 * HOUR
    assert days["2026-11-21"].longest_ms == 3 * HOUR
    assert (days["2026-11-21"].meetings, days["2026-11-22"].meetings) == (1, 0)


def test_a_machine_that_slept_held_no_meeting_meanwhile() -> None:
    tally = new(gap_s=300)
    tally.came("m", "plaza", "ana", NOON)
    tally.came("m", "plaza", "bea", NOON)

    assert tally.take(NOON + 8 * HOUR).days["2026-11-21"].person_ms == 2 * 300_000


def test_what_could_not_be_kept_is_taken_again() -> None:
    tally = new()
    tally.came("m", "plaza", "ana", NOON)
    tally.came("m", "plaza", "bea", NOON)
    tally.give_back(tally.take(NOON + MINUTE))
    tally.came("m", "plaza", "carla", NOON + MINUTE)

    counted = tally.take(NOON + 2 * MINUTE)

    assert counted.days["2026-11-21"].person_ms == 5 * MINUTE
    assert counted.days["2026-11-21"].sizes == [0, 1, 0, 0, 0]
    assert counted.marks["2026-11-21"] == {"2026-11plaza"}


def test_a_meeting_goes_on_in_the_next_process() -> None:
    before = new()
    before.came("m", "plaza", "ana", NOON)
    before.came("m", "plaza", "bea", NOON)
    kept = before.take(NOON + MINUTE)
    after = new(NOON + 2 * MINUTE)

    after.resume("m", before.meetings["m"], NOON + 2 * MINUTE)
    after.came("m", "plaza", "ana", NOON + 2 * MINUTE)  # was there all the time
    after.ended("m", NOON + 10 * MINUTE)
    kept.add(after.take(NOON + 10 * MINUTE))

    day = kept.days["2026-11-21"]
    assert (day.meetings, day.participants, day.sizes) == (1, 2, [1, 0, 0, 0, 0])
    assert day.longest_ms == 10 * MINUTE
    assert day.person_ms == 2 * MINUTE + 16 * MINUTE


def test_more_people_than_can_be_told_apart_cost_nothing_but_their_count() -> None:
    tally = Tally(lambda room, day: room, NOON, UsageLimits(usage_people=3))
    for n in range(6):
        tally.came("m", "plaza", str(n), NOON)
    for n in range(6):
        tally.went("m", str(n), NOON)

    assert (tally.people, tally.running) == (0, 0)
    assert tally.take(NOON).days["2026-11-21"].participants == 3


def test_the_classes_of_sizes() -> None:
    assert [size_class(n) for n in (2, 3, 5, 6, 10, 11, 30, 31, 500)] == [0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_month_has_its_different_rooms_and_its_highest_peak() -> None:
    days = [Day(rooms=2, new_rooms=2, peak_people=5), Day(rooms=2, new_rooms=1, peak_people=3)]

    assert (total(days).rooms, total(days).peak_people) == (3, 5)


steps = st.lists(
    st.tuples(
        st.sampled_from(("came", "went", "ended", "take", "resume")),
        st.sampled_from("mno"),
        st.sampled_from("abcd"),
        st.integers(0, 20 * HOUR),
    ),
    max_size=60,
)


@given(steps)
def test_whatever_people_do_the_parts_add_up(done: list[tuple[str, str, str, int]]) -> None:
    whole, tally, now = Counted({}, {}), new(), NOON
    for what, meeting, key, later in done:
        now += later
        match what:
            case "came":
                tally.came(meeting, "room", key, now)
            case "went":
                tally.went(meeting, key, now)
            case "ended":
                tally.ended(meeting, now)
            case "take":
                whole.add(tally.take(now))
            case _:  # another process goes on
                whole.add(tally.take(now))
                tally, before = new(now), tally
                for name, state in before.meetings.items():
                    tally.resume(name, state, now)
        begun = [m for m in tally.meetings.values() if m.begun_ms is not None]
        assert tally.people == sum(len(m.here) for m in begun)
        assert tally.running == sum(bool(m.here) for m in begun)
    for meeting in "mno":
        tally.ended(meeting, now)
    whole.add(tally.take(now))

    assert (tally.people, tally.running) == (0, 0)
    for day in whole.days.values():
        assert sum(day.sizes) == day.meetings
        assert day.participants >= 2 * day.meetings
        assert min(day.sizes) >= 0 and day.person_ms >= 0

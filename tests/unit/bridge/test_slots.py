"""Few streams for many sources (reference bridge 2.6; 9, point 12)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge.slots import Slots


def test_sixty_sources_go_through_fifty_slots() -> None:
    slots = Slots(50, with_rtx=True)
    names = [f"s{n:02d}" for n in range(60)]

    slots.assign(names[:50], names)
    before = {slots.of(name) for name in names[:50]}
    slots.assign(names[10:], names)
    after = {slots.of(name) for name in names[10:]}

    assert None not in after
    assert after == before
    assert len({slot.ssrc for slot in after if slot}) == 50


def test_the_slot_that_was_needed_least_recently_is_taken() -> None:
    slots = Slots(2, with_rtx=False)
    slots.assign(["a", "b"], "abc")
    slots.assign(["a"], "abc")
    taken = slots.of("b")

    slots.assign(["c"], "abc")

    assert slots.of("b") is None
    assert slots.of("c") == taken
    assert slots.of("a") is not None


def test_what_has_a_slot_keeps_it_as_long_as_it_is_wanted() -> None:
    slots = Slots(2, with_rtx=False)
    slots.assign(["a"], "abc")
    before = slots.of("a")

    slots.assign(["c", "b", "a"], "abc")  # the first two: a is not among them
    assert slots.of("a") is None
    slots.assign(["b", "a"], "abc")

    assert slots.of("b") is not None
    assert slots.of("a") is not None
    assert before is not None


def test_who_leaves_gives_its_slot_back() -> None:
    slots = Slots(1, with_rtx=True)
    slots.assign(["a"], "a")
    before = slots.of("a")

    slots.assign(["b"], "b")

    assert slots.of("a") is None
    assert slots.of("b") == before


@given(st.lists(st.lists(st.sampled_from("abcdefg"), unique=True), max_size=20))
def test_the_first_wanted_always_have_slots_of_their_own(rounds: list[list[str]]) -> None:
    slots = Slots(3, with_rtx=True)
    for wanted in rounds:
        before = {name: slots.of(name) for name in wanted[:3]}

        slots.assign(wanted, "abcdefg")

        given_out = [slots.of(name) for name in "abcdefg" if slots.of(name)]
        assert len(given_out) == len(set(given_out)) == len(slots) <= 3
        for name in wanted[:3]:
            assert slots.of(name) is not None
            assert before[name] in (None, slots.of(name))

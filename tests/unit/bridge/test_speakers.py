"""Dominant speaker identification (reference bridge 2.10)."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tertulia.bridge.speakers import TICK_S, DominantSpeaker

SILENT = 127
BATCH = 5  # packets of 20 ms in the 100 ms between two reports of the engine


class Table:
    """People around a table: who talks when is said, who is dominant is seen."""

    def __init__(self, *people: str) -> None:
        self.speakers: DominantSpeaker[str] = DominantSpeaker()
        self.people = people
        self.now = 0.0
        self.random = random.Random(7)
        self.dominant: list[str] = []

    def talk(self, seconds: float, *talking: str) -> None:
        for step in range(int(seconds * 10)):
            self.now += 0.1
            for person in self.people:
                self.speakers.heard(person, self.levels(person in talking), self.now)
            if step % 3 == 2 and self.speakers.tick(self.now) is not None:
                assert self.speakers.dominant is not None
                self.dominant.append(self.speakers.dominant)

    def levels(self, is_talking: bool) -> bytes:
        """Speech is loud with short gaps; a quiet room is 60 dB below."""
        if not is_talking:
            return bytes(self.random.randrange(85, 100) for _ in range(BATCH))
        return bytes(
            self.random.randrange(10, 35) if self.random.random() < 0.93 else 95
            for _ in range(BATCH)
        )


def test_the_first_speaker_is_dominant_unopposed() -> None:
    table = Table("ana", "bea")

    table.talk(0.3)

    assert table.dominant == ["ana"]


def test_who_talks_while_the_others_are_silent_takes_over_within_two_seconds() -> None:
    table = Table("ana", "bea", "cyd")
    table.talk(3, "ana")

    table.talk(2, "bea")

    assert table.dominant[-1] == "bea"


def test_a_cough_does_not_take_the_stage() -> None:
    table = Table("ana", "bea")
    table.talk(4, "ana")

    table.talk(0.2, "ana", "bea")
    table.talk(3, "ana")

    assert table.dominant[-1] == "ana"


def test_two_who_talk_together_do_not_make_it_flicker() -> None:
    table = Table("ana", "bea")
    table.talk(4, "ana")

    table.talk(30, "ana", "bea")

    assert len(table.dominant) <= 3


def test_a_room_that_falls_silent_keeps_its_speaker() -> None:
    table = Table("ana", "bea")
    table.talk(3, "bea")
    before = list(table.dominant)

    table.talk(10)

    assert table.dominant == before


def test_who_sends_nothing_any_more_loses_to_who_talks() -> None:
    speakers: DominantSpeaker[str] = DominantSpeaker()
    table = Table("bea")
    loud = Table("ana")
    speakers.heard("ana", loud.levels(True) * 10, 0.0)
    speakers.tick(0.3)
    now = 0.3
    for _ in range(30):
        now += 0.1
        speakers.heard("bea", table.levels(True), now)
        speakers.tick(now)

    assert speakers.dominant == "bea"


def test_who_left_is_not_dominant() -> None:
    table = Table("ana", "bea")
    table.talk(1, "ana")

    table.speakers.forget("ana")
    table.speakers.tick(table.now + TICK_S)

    assert table.speakers.dominant == "bea"


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.binary(max_size=60), st.floats(0, 5)), max_size=20
    )
)
def test_any_levels_at_any_time_name_a_known_speaker(
    events: list[tuple[str, bytes, float]],
) -> None:
    speakers: DominantSpeaker[str] = DominantSpeaker()
    now = 0.0
    seen: set[str] = set()
    for speaker, levels, pause in events:
        now += pause
        speakers.heard(speaker, levels, now)
        seen.add(speaker)
        change = speakers.tick(now)
        if change is not None:
            assert change.dominant in seen

"""Numbers that outlive the process."""

from pathlib import Path

from tertulia.survival import counts
from tertulia.survival.counts import SLOTS, Counts


def test_a_number_is_there_for_the_next_process_at_once(tmp_path: Path) -> None:
    path = tmp_path / "it.counts"
    mine = Counts.open(path)
    slot = mine.take()
    assert slot is not None

    mine.write(slot, 2**32 - 1)

    assert counts.number(counts.read(path), slot) == 2**32 - 1
    mine.close()


def test_slots_are_given_out_once_until_they_are_given_back(tmp_path: Path) -> None:
    mine = Counts.open(tmp_path / "it.counts")
    slots = [mine.take() for _ in range(SLOTS)]

    assert len(set(slots)) == SLOTS
    assert mine.take() is None

    mine.give_back(7)
    assert mine.take() == 7
    mine.close()


def test_a_file_that_is_too_short_says_nothing(tmp_path: Path) -> None:
    assert counts.number(b"\x01\x00\x00\x00\x02", 0) == 1
    assert counts.number(b"\x01\x00\x00\x00\x02", 1) is None
    assert counts.number(counts.read(tmp_path / "nothing"), 0) is None


def test_without_a_place_there_are_no_slots(tmp_path: Path) -> None:
    assert Counts.open(tmp_path / "nowhere" / "it.counts").take() is None

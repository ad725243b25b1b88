"""The dominant speaker of a recorded conversation (reference bridge 2.10; 9, point 11).

`levels.txt` holds a minute of four people as RFC 6464 levels of 20 ms packets, one person a line,
in hex: speech of a synthesizer in four languages with its own rhythm, over four rooms of different
noise. They take turns, say "mhm" and "oui" in between, and two times talk into each other's words.
"""

from __future__ import annotations

import math
from pathlib import Path

from tertulia.bridge.speakers import TICK_S, DominantSpeaker

PACKET_S = 0.02
TRACE = {
    who: bytes.fromhex(levels)
    for who, levels in (
        line.split() for line in Path(__file__).with_name("levels.txt").read_text().splitlines()
    )
}
PACKETS = len(TRACE["ana"])
PER_TICK = round(TICK_S / PACKET_S)
Changes = list[tuple[float, str]]


def followed(batch: int) -> Changes:
    """What ours says, with levels that come in batches as the engine reports them."""
    speakers: DominantSpeaker[str] = DominantSpeaker()
    changes: Changes = []
    for end in range(batch, PACKETS + 1, batch):
        now = round(end * PACKET_S, 2)
        for who, levels in TRACE.items():
            speakers.heard(who, levels[end - batch : end], now)
        if end % PER_TICK == 0:
            change = speakers.tick(now)
            if change is not None:
                changes.append((now, change.dominant))
    return changes


def _score(count: int, parts: int, rate: float) -> float:
    likelihood = math.log(math.comb(parts, count)) + parts * math.log(0.5)
    return max(likelihood - math.log(rate) + rate * count, 1e-10)


def _scores(levels: bytes) -> tuple[float, float, float]:
    """The three scores, worked out from the whole past as the reference has them."""
    heard = [127 - level for level in levels]
    floor = min((value for value in heard[-750:] if value), default=0)
    newest_first = [value if value >= floor + 10 else 0 for value in heard[-50:]][::-1]
    immediate = [value // 10 for value in newest_first] + [0] * (50 - len(newest_first))
    medium = [sum(v > 7 for v in immediate[at : at + 5]) for at in range(0, 50, 5)]
    long = sum(value > 4 for value in medium)
    return _score(immediate[0], 13, 0.78), _score(medium[0], 5, 24), _score(long, 10, 47)


def as_the_reference_reads() -> Changes:
    """The switches by the reference's parameters, without any of our shortcuts."""
    dominant, changes = "", []
    for end in range(PER_TICK, PACKETS + 1, PER_TICK):
        scores = {who: _scores(levels[:end]) for who, levels in TRACE.items()}
        before = dominant = dominant or "ana"
        if not changes:
            changes.append((round(end * PACKET_S, 2), "ana"))
        best = -math.inf
        for who in TRACE.keys() - {before}:
            immediate, medium, long = (
                math.log(mine / theirs)
                for mine, theirs in zip(scores[who], scores[before], strict=True)
            )
            if immediate > 3 and medium > 2 and long > 0 and medium > best:
                dominant, best = who, medium
        if dominant != before:
            changes.append((round(end * PACKET_S, 2), dominant))
    return changes


def test_the_switches_of_a_conversation_are_those_of_the_reference() -> None:
    assert followed(batch=5) == as_the_reference_reads()


def test_batches_make_no_difference() -> None:
    assert followed(batch=1) == followed(batch=15)


def test_each_turn_is_noticed_and_no_interjection() -> None:
    """Who begins to speak when: ana 0.8, bea 10, ana 17.5, cyd 20, dot 24 into cyd's words, ..."""
    assert followed(batch=5) == [
        (0.3, "ana"),
        (10.2, "bea"),
        (18.0, "ana"),
        (20.1, "cyd"),
        (25.8, "dot"),
        (29.4, "cyd"),
        (32.7, "bea"),
        (35.7, "dot"),
        (44.7, "ana"),
        (51.6, "bea"),
    ]


def test_silence_is_noticed_after_three_seconds_and_ends_with_the_first_word() -> None:
    speakers: DominantSpeaker[str] = DominantSpeaker()
    noticed: list[tuple[float, bool]] = []
    for end in range(5, PACKETS + 1, 5):
        now = round(end * PACKET_S, 2)
        for who, levels in TRACE.items():
            speakers.heard(who, levels[end - 5 : end], now)
        if speakers.notice_silence(now, 3.0):
            noticed.append((now, speakers.is_silent))

    # The last word is said at 53.7; before it no pause is that long.
    ((began, is_silent),) = noticed
    assert is_silent
    assert 56.0 < began < 57.0
    speakers.heard("ana", bytes([20] * 5), 60.1)
    assert speakers.notice_silence(60.1, 3.0)
    assert not speakers.is_silent

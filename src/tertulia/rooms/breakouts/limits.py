"""Sizes and times of breakout rooms, each with its name and default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakoutLimits:
    """Texts of refusals name the field that was exceeded."""

    breakout_rooms: int = 100  # of one meeting
    breakout_name_characters: int = 80
    breakout_people: int = 1000  # that can be assigned
    breakout_message_characters: int = 1000
    breakout_longest_s: int = 24 * 3600
    update_every_s: float = 0.3  # as the stock component throttles it (signalling reference 6.5)
    switching_s: float = 30.0  # on the way from one room to another
    gone_s: float = 5.0  # after somebody left without a word; then the meeting may end
    leave_within_s: float = 10.0  # people are asked back first, then the room is destroyed

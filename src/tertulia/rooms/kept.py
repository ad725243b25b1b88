"""What is laid down for a room whether or not anybody is in it: booked rooms, rooms of somebody.

Such a room exists before its first person, so its lobby and its password are in force from the
first moment on and outlive an empty room.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRoom:
    owner: str = ""  # bare address of the account that leads it; "": whoever else may
    password: str = ""
    lobby: bool = False  # the others knock
    members_only: bool = False  # the others are guests; without it they are all but the moderators
    start_audio_muted: bool = False
    start_video_muted: bool = False
    may_open: str = ""  # "everybody", "accounts", "owner"; "": as for rooms that are not kept
    chat_retention: str = ""  # "none", "meeting", or a number of days; "": as for other rooms

    @property
    def chat_days(self) -> int:
        """For how many days chat is kept; 0 for no longer than the meeting."""
        text = self.chat_retention
        return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0

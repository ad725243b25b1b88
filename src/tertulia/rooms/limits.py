"""What one occupant may cost a room, each limit with its name and default.

Source: the table of abuse limits in the security reference.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    """Limits of one room; texts of refusals name the field that was exceeded."""

    occupants: int = 100  # the focus does not count
    presence_bytes: int = 16 * 1024
    presence_elements: int = 200
    display_name_characters: int = 80
    chat_per_s: float = 5.0  # of one person, for long
    chat_burst: int = 30  # before that holds: a program may say many lines at once
    chat_characters: int = 4000
    message_bytes: int = 16 * 1024  # of what is relayed to everybody, JSON included
    subject_characters: int = 500
    reason_characters: int = 500
    nick_characters: int = 64
    password_characters: int = 200
    password_tries_per_minute: int = 10
    affiliations: int = 1000  # JIDs with a lasting affiliation
    bans: int = 200  # of people remembered by more than their JID
    remembered_messages: int = 1000  # of one room: who may change them, what late comers read
    history_messages: int = 200  # that somebody who comes late reads
    reactions_remembered: int = 100  # people who reacted to one message
    reactions_each: int = 8  # of one person to one message

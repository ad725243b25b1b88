"""Accounts and kept rooms as the rows of their tables, whatever read those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tertulia.accounts.passwords import Account, read
from tertulia.rooms.kept import KeptRoom


def account_of(row: Mapping[str, Any]) -> Account:
    """Raises: ValueError when it is none of ours."""
    return Account(
        name=row["name"],
        display_name=row["display_name"],
        keys={
            "sha1": read("sha1", row["scram_sha1"]),
            "sha256": read("sha256", row["scram_sha256"]),
        },
        created_ms=row["created_ms"],
        is_admin=bool(row["is_admin"]),
    )


def room_of(row: Mapping[str, Any], host: str) -> KeptRoom:
    """Owners are names of accounts in the table; in memory they are addresses at `host`."""
    return KeptRoom(
        owner=f"{row['owner']}@{host}" if row["owner"] else "",
        password=row["password"],
        lobby=bool(row["lobby"]),
        members_only=bool(row["members_only"]),
        start_audio_muted=bool(row["start_audio_muted"]),
        start_video_muted=bool(row["start_video_muted"]),
        may_open=row["may_open"],
        chat_retention=row["chat_retention"],
    )

"""Sections of the configuration: what is kept, where, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from tertulia.config.declaring import key
from tertulia.setting_rules import CLAMD, COUNT, DAYS, DAYS_OR_NONE, LONG_LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    url: str = key(
        "",
        "Database, as postgresql://USER@HOST/NAME; empty for an SQLite file in `data`.",
        LONG_LINE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    enabled: bool = key(True, "Let people share files in rooms; they are deleted with the meeting.")
    max_mib: int = key(50, "Largest file, in MiB.", COUNT)
    room_mib: int = key(200, "All files of one meeting together, in MiB.", COUNT)
    total_mib: int = key(10_240, "All files of all meetings together, in MiB.", COUNT)
    also_refused: tuple[str, ...] = key(
        (), "More kinds of files that are refused, by the end of the name; programs always are."
    )
    clamd: str = key(
        "",
        "Where clamd looks into files, as unix:/run/clamav/clamd.ctl or HOST:PORT; empty: nobody "
        "does. While it does not answer, no file is taken.",
        CLAMD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    retention_days: int = key(
        400,
        "For how many days the daily usage counts stay in the database; they hold no names and no "
        "addresses. 0: nothing is counted.",
        DAYS_OR_NONE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    records_days: int = key(
        90,
        "For how many days polls and attendance lists of rooms that are kept stay in the "
        "database; those of other rooms are never written there.",
        DAYS,
    )

"""The tables, as the newest migration leaves them (a test compares the two).

Times are whole milliseconds since the epoch, UTC. Names of accounts and rooms are kept in the form
in which they stand in addresses.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    false,
)

metadata = MetaData()

# SQLite gives numbers by itself only to a column of exactly the type INTEGER.
_Number = BigInteger().with_variant(Integer(), "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(255), primary_key=True),  # as SASLprep leaves it, in lower case
    Column("display_name", String(80), nullable=False),
    Column("scram_sha1", String(255), nullable=False),  # accounts.passwords says how it is written
    Column("scram_sha256", String(255), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("is_admin", Boolean, nullable=False, server_default=false()),  # may use /admin
)

rooms = Table(
    "rooms",
    metadata,
    Column("name", String(600), primary_key=True),  # the node of the address
    Column("owner", String(255), nullable=False),  # an account, or ""
    Column("password", String(200), nullable=False),
    Column("lobby", Boolean, nullable=False),
    Column("members_only", Boolean, nullable=False),
    Column("start_audio_muted", Boolean, nullable=False),
    Column("start_video_muted", Boolean, nullable=False),
    Column("may_open", String(16), nullable=False),  # "" as the server says, or one of its words
    Column("chat_retention", String(16), nullable=False),  # "", "none", "meeting", or days
    Column("created_ms", BigInteger, nullable=False),
)

# What was said and done in rooms, written once and never changed.
journal = Table(
    "journal",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("room", String(600), nullable=False),
    Column("meeting", String(64), nullable=False),  # the meeting's id
    Column("kind", String(32), nullable=False),  # "chat", "poll", "attendance"
    Column("at_ms", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
    Index("journal_by_room", "room", "kind", "number"),
    Index("journal_by_time", "kind", "at_ms"),
)

# How much the site was used, without names and addresses; `usage.days` says what is counted.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", String(10), primary_key=True),  # such as 2026-11-21, UTC
    *(
        Column(name, BigInteger, nullable=False)
        for name in (
            *("meetings", "participants", "rooms", "new_rooms"),
            *("person_ms", "longest_ms", "peak_people", "peak_meetings"),
            *("size_2", "size_3_5", "size_6_10", "size_11_30", "size_31"),
        )
    ),
)

# Which rooms had a meeting on a day, as keyed digests; deleted when their month is over.
usage_rooms = Table(
    "usage_rooms",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("mark", String(24), primary_key=True),
)

# A number for each table whose content a running server keeps in memory, one up with each change.
changes = Table(
    "changes",
    metadata,
    Column("of", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

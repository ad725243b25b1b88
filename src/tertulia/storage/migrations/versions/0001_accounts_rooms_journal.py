"""Accounts, kept rooms, and the journal of rooms."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("display_name", sa.String(80), nullable=False),
        sa.Column("scram_sha1", sa.String(255), nullable=False),
        sa.Column("scram_sha256", sa.String(255), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rooms",
        sa.Column("name", sa.String(600), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("lobby", sa.Boolean, nullable=False),
        sa.Column("members_only", sa.Boolean, nullable=False),
        sa.Column("start_audio_muted", sa.Boolean, nullable=False),
        sa.Column("start_video_muted", sa.Boolean, nullable=False),
        sa.Column("may_open", sa.String(16), nullable=False),
        sa.Column("chat_retention", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "journal",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("room", sa.String(600), nullable=False),
        sa.Column("meeting", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.create_index("journal_by_room", "journal", ["room", "kind", "number"])
    op.create_index("journal_by_time", "journal", ["kind", "at_ms"])
    op.create_table(
        "changes",
        sa.Column("of", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )

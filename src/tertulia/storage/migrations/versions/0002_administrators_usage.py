"""Who may administer, and how much the site is used day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTS = (
    *("meetings", "participants", "rooms", "new_rooms"),
    *("person_ms", "longest_ms", "peak_people", "peak_meetings"),
    *("size_2", "size_3_5", "size_6_10", "size_11_30", "size_31"),
)


def upgrade() -> None:
    with op.batch_alter_table("accounts") as accounts:
        accounts.add_column(
            sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false())
        )
    op.create_table(
        "usage_days",
        sa.Column("day", sa.String(10), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS),
    )
    op.create_table(
        "usage_rooms",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("mark", sa.String(24), primary_key=True),
    )

"""Events that cannot be judged yet, and corrected times."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "parked_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("state", sa.String(length=7), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("shift_us", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", name="parked_events_event_id"),
    )
    op.create_index(
        "parked_events_by_wait",
        "parked_events",
        ["state", "reason", "waits_for", "due_us", "size_bytes", "since_us"],
        unique=False,
    )
    op.create_table(
        "clock_corrections",
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("shift_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("clock_corrections")
    op.drop_index("parked_events_by_wait", table_name="parked_events")
    op.drop_table("parked_events")

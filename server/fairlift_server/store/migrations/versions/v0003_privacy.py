"""How ids are stored, tombstones of erased ids, and who asked for what."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Their ids are in no column before: what waits from then is not found when a unit is erased.
    op.add_column("parked_events", sa.Column("units", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "parked_events", sa.Column("order_id", sa.Text(), nullable=False, server_default="")
    )
    op.create_table(
        "stored_ids",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=5), nullable=False),
        sa.Column("key_check", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "erased_units",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=5), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash", name="erased_units_hash"),
    )
    op.create_table(
        "unit_requests",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("verb", sa.String(length=6), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ids", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("unit_requests")
    op.drop_table("erased_units")
    op.drop_table("stored_ids")
    op.drop_column("parked_events", "order_id")
    op.drop_column("parked_events", "units")

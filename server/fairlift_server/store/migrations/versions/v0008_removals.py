"""A row for each removal of events: what was worked out from them is out of date."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "removals",
        sa.Column("id", row_id, primary_key=True),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("removals")

"""What several servers of one database agree by: versions of campaigns, and locks of orders."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("shop", "campaigns"):
        version = sa.Column("version", sa.BigInteger(), nullable=False, server_default="0")
        op.add_column(table, version)
    op.create_table("order_locks", sa.Column("order_id", sa.Text(), primary_key=True))


def downgrade() -> None:
    op.drop_table("order_locks")
    for table in ("campaigns", "shop"):
        op.drop_column(table, "version")

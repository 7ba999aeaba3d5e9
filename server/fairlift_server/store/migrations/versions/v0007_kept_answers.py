"""Answers of the ledger that are kept when its rows go."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_answers",
        sa.Column("campaign", sa.String(63), sa.ForeignKey("campaigns.id"), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "epoch"),
    )


def downgrade() -> None:
    op.drop_table("kept_answers")

"""Keys of exposure tokens, and the limits of values that administrators set."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LOSES_GOING_BACK = (
    "the keys of exposure tokens, the limits of values, and whether exposures need tokens"
)

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SETTINGS = ("largest_action_values", "largest_order_micros", "exposure_tokens")


def upgrade() -> None:
    with op.batch_alter_table("shop_settings") as settings:
        settings.add_column(sa.Column("exposure_tokens", sa.String(8)))
        settings.add_column(sa.Column("largest_order_micros", sa.BigInteger()))
        settings.add_column(sa.Column("largest_action_values", sa.Text()))
    op.create_table(
        "exposure_keys",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("starts_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("exposure_keys")
    with op.batch_alter_table("shop_settings") as settings:
        for name in _SETTINGS:
            settings.drop_column(name)

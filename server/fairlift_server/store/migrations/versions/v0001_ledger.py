"""The ledger, the campaigns, and their looks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _keys() -> list[sa.PrimaryKeyConstraint]:
    """Of a table that PostgreSQL partitions by the day of arrival; the key has to say the day."""
    is_sqlite = op.get_context().dialect.name == "sqlite"
    return [sa.PrimaryKeyConstraint(*(("id",) if is_sqlite else ("id", "received_us")))]


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("id", _ROW_ID, nullable=False, autoincrement=True),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        *_keys(),
        postgresql_partition_by="RANGE (received_us)",
    )
    op.create_table(
        "amendments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("goods_micros", sa.BigInteger(), nullable=False),
        sa.Column("tax_micros", sa.BigInteger(), nullable=False),
        sa.Column("delivery_micros", sa.BigInteger(), nullable=False),
        sa.Column("recovered_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("running_total", sa.Boolean(), nullable=False),
        sa.Column("correction", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=11), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("amendments_by_order", "amendments", ["order_id"], unique=False)
    op.create_index(
        "amendments_without_effect",
        "amendments",
        ["status", "time_us"],
        unique=False,
        sqlite_where=sa.text("status <> 'applied'"),
        postgresql_where=sa.text("status <> 'applied'"),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "costs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("amount_micros", sa.BigInteger(), nullable=False),
        sa.Column("shop_amount_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "exchange_rates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("shop_picos_per_unit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "exchange_rates_by_time", "exchange_rates", ["currency_code", "time_us"], unique=False
    )
    op.create_table(
        "exposures",
        sa.Column("id", _ROW_ID, nullable=False, autoincrement=True),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("variant", sa.String(length=63), nullable=False),
        sa.Column("segments", sa.Text(), nullable=True),
        *_keys(),
        postgresql_partition_by="RANGE (received_us)",
    )
    op.create_table(
        "identity_links",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "layers",
        sa.Column("layer", sa.String(length=63), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("layer"),
    )
    op.create_table(
        "ledger_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.Column("writes", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "order_lines",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price_micros", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("order_lines_by_order", "order_lines", ["order_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("rate_picos", sa.BigInteger(), nullable=True),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("goods_micros", sa.BigInteger(), nullable=False),
        sa.Column("discount_micros", sa.BigInteger(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("shipping_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("upsell", sa.Boolean(), nullable=False),
        sa.Column("cross_sell", sa.Boolean(), nullable=False),
        sa.Column("coupons", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("first_purchase", sa.Boolean(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("placed", sa.Text(), nullable=True),
        sa.Column("refunded_micros", sa.BigInteger(), nullable=False),
        sa.Column("recovered_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("returned_items", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("shop_revenue_micros", sa.BigInteger(), nullable=False),
        sa.Column("shop_net_revenue_micros", sa.BigInteger(), nullable=False),
        sa.Column("shop_profit_micros", sa.BigInteger(), nullable=False),
        sa.Column("shop_discount_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id", name="orders_order_id"),
    )
    op.create_index(
        "orders_by_currency",
        "orders",
        ["currency_code", "time_us"],
        unique=False,
        sqlite_where=sa.text("rate_picos IS NOT NULL"),
        postgresql_where=sa.text("rate_picos IS NOT NULL"),
    )
    op.create_table(
        "seen_events",
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("currency_code", sa.String(length=3), nullable=False),
        sa.Column("holdout_bps", sa.Integer(), nullable=False),
        sa.Column("holdout_salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("changes_by_campaign", "changes", ["campaign", "id"], unique=False)
    op.create_table(
        "epochs",
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("traffic_salt", sa.Text(), nullable=False),
        sa.Column("variants_salt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("campaign", "epoch"),
    )
    op.create_table(
        "looks",
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("campaign", "epoch", "number"),
    )
    op.create_table(
        "report_lines",
        sa.Column("campaign", sa.String(length=63), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("campaign", "epoch"),
    )
    if op.get_context().dialect.name == "postgresql":
        # For days without a partition of their own; see store/partitions.py.
        for table in ("exposures", "actions"):
            op.execute(f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT")


def downgrade() -> None:
    op.drop_table("report_lines")
    op.drop_table("looks")
    op.drop_table("epochs")
    op.drop_index("changes_by_campaign", table_name="changes")
    op.drop_table("changes")
    op.drop_table("shop")
    op.drop_table("seen_events")
    op.drop_index("orders_by_currency", table_name="orders")
    op.drop_table("orders")
    op.drop_index("order_lines_by_order", table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_table("ledger_state")
    op.drop_table("layers")
    op.drop_table("identity_links")
    op.drop_table("exposures")
    op.drop_index("exchange_rates_by_time", table_name="exchange_rates")
    op.drop_table("exchange_rates")
    op.drop_table("costs")
    op.drop_table("campaigns")
    op.drop_index("amendments_without_effect", table_name="amendments")
    op.drop_index("amendments_by_order", table_name="amendments")
    op.drop_table("amendments")
    op.drop_table("actions")

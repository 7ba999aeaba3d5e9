"""The tables. Times are microseconds since 1970 UTC, money is micros, event ids are 16 bytes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

# SQLite numbers rows by a plain INTEGER key only.
RowId = BigInteger().with_variant(Integer(), "sqlite")

# One row: how far this database has come. `LastWrite` compares it with the file beside it.
ledger_state = Table(
    "ledger_state",
    metadata,
    Column("id", Integer, primary_key=True),
    # A random name, the same in copies of the database.
    Column("ledger", Text, nullable=False),
    Column("writes", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
)

shop = Table(
    "shop",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("currency_code", String(3), nullable=False),
    Column("holdout_bps", Integer, nullable=False),
    Column("holdout_salt", Text, nullable=False),
    # Counts the changes of campaigns and of the holdout.
    Column("version", BigInteger, nullable=False, server_default="0"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("state", String(10), nullable=False),
    # A Campaign message: the contract owns the shape.
    Column("message", LargeBinary, nullable=False),
    # The shop's version with which it was last changed.
    Column("version", BigInteger, nullable=False, server_default="0"),
)

epochs = Table(
    "epochs",
    metadata,
    Column("campaign", ForeignKey(campaigns.c.id), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    # The campaign as it was when the epoch began: later changes are safe ones.
    Column("message", LargeBinary, nullable=False),
    Column("traffic_salt", Text, nullable=False),
    Column("variants_salt", Text, nullable=False),
)

layers = Table(
    "layers",
    metadata,
    Column("layer", String(63), primary_key=True),
    Column("salt", Text, nullable=False),
)

# Everything that people changed, as a chain: store/history.py.
changes = Table(
    "changes",
    metadata,
    Column("id", RowId, primary_key=True),
    # NULL where something else was changed.
    Column("campaign", ForeignKey(campaigns.c.id)),
    Column("time_us", BigInteger, nullable=False),
    # The name of the token; empty on an open server.
    Column("author", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("fields", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # What was changed, such as tokens/ci. An older server beside this one leaves this and what
    # follows out.
    Column("resource", Text, nullable=False, server_default=""),
    Column("user_name", Text, nullable=False, server_default=""),
    Column("peer", Text, nullable=False, server_default=""),
    # The place in the chain; both NULL until the entry is chained.
    Column("number", BigInteger),
    Column("hash", String(64)),
    Index("changes_by_campaign", "campaign", "id"),
    Index("changes_by_number", "number", unique=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(63), primary_key=True),
    # Grows with every change of any token: servers read what is new.
    Column("version", BigInteger, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("role", String(10), nullable=False),
    Column("environment", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("last_used_us", BigInteger),
    # SHA-256 of the secret, and of the one before while both are valid.
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("old_secret_hash", LargeBinary(32)),
    Column("old_secret_expires_us", BigInteger),
)

# One row: what administrators set while servers run.
shop_settings = Table(
    "shop_settings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("etag", Text, nullable=False),
    Column("retention_days", Integer),
    # issued or required; NULL: neither.
    Column("exposure_tokens", String(8)),
    Column("largest_order_micros", BigInteger),
    # A JSON object: name of the action to the largest value.
    Column("largest_action_values", Text),
)

# What exposure tokens are signed with: the newest that has started signs, and all that have not
# ended check.
exposure_keys = Table(
    "exposure_keys",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("secret", LargeBinary(32), nullable=False),
    Column("starts_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger),
)

looks = Table(
    "looks",
    metadata,
    Column("campaign", ForeignKey(campaigns.c.id), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("time_us", BigInteger, nullable=False),
    # What the mathematics saw, and what it answered: enough to compute the verdict again.
    Column("content", Text, nullable=False),
)

# What a list of reports says of an epoch, as of its newest look; it can be computed again.
report_lines = Table(
    "report_lines",
    metadata,
    Column("campaign", ForeignKey(campaigns.c.id), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("content", Text, nullable=False),
)

# What the ledger said of a closed epoch: its rows may be gone.
kept_answers = Table(
    "kept_answers",
    metadata,
    Column("campaign", ForeignKey(campaigns.c.id), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("content", Text, nullable=False),
)

# Every event id that was accepted or parked, with what it said: the same id again changes nothing.
# Time-ordered ids (UUIDv7) keep this index append-only.
seen_events = Table(
    "seen_events",
    metadata,
    Column("event_id", LargeBinary(16), primary_key=True),
    Column("digest", LargeBinary(8), nullable=False),
    sqlite_with_rowid=False,
)

# Of each order that came to PostgreSQL, to lock what is not there yet; see store/locks.py.
order_locks = Table("order_locks", metadata, Column("order_id", Text, primary_key=True))

exposures = Table(
    "exposures",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("campaign", String(63), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("variant", String(63), nullable=False),
    # A JSON object: segment attribute to label; NULL when the plan names none.
    Column("segments", Text),
)

actions = Table(
    "actions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("name", String(63), nullable=False),
    Column("value", Float),
)

orders = Table(
    "orders",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("order_id", Text, nullable=False),
    Column("digest", LargeBinary(8), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("currency_code", String(3), nullable=False),
    # Picos of the shop's currency per unit of the order's, as of the order's time; NULL where they
    # are the same.
    Column("rate_picos", BigInteger),
    # As ordered or as corrected, in the order's currency.
    Column("items", BigInteger, nullable=False),
    Column("goods_micros", BigInteger, nullable=False),
    Column("discount_micros", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("shipping_cost_micros", BigInteger, nullable=False),
    Column("upsell", Boolean, nullable=False),
    Column("cross_sell", Boolean, nullable=False),
    # Between line breaks, without case.
    Column("coupons", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("first_purchase", Boolean),
    # Placed to try the shop: left out of all figures.
    Column("test", Boolean, nullable=False),
    # What a corrected order said when it was placed, as JSON; NULL for all others.
    Column("placed", Text),
    # What amendments restated, in the order's currency.
    Column("refunded_micros", BigInteger, nullable=False),
    Column("recovered_cost_micros", BigInteger, nullable=False),
    Column("returned_items", BigInteger, nullable=False),
    # Whether any money went back.
    Column("refunded", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    # What the analysis adds up, in the shop's currency, as restated.
    Column("shop_revenue_micros", BigInteger, nullable=False),
    Column("shop_net_revenue_micros", BigInteger, nullable=False),
    Column("shop_profit_micros", BigInteger, nullable=False),
    Column("shop_discount_micros", BigInteger, nullable=False),
    UniqueConstraint("order_id", name="orders_order_id"),
    # For exchange rates that come late. PostgreSQL has the same condition, from the migration:
    # naming it here would load its dialect at every start.
    Index(
        "orders_by_currency",
        "currency_code",
        "time_us",
        sqlite_where=text("rate_picos IS NOT NULL"),
    ),
)

# A row for each time that an order was restated: exports write such orders again.
order_changes = Table(
    "order_changes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("order_id", Text, nullable=False),
)

# A row for each transaction that removed events: what was worked out from them is out of date.
removals = Table(
    "removals",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("time_us", BigInteger, nullable=False),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_micros", BigInteger, nullable=False),
    Column("unit_cost_micros", BigInteger, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("category", Text, nullable=False),
    Index("order_lines_by_order", "order_id"),
)

# Each amendment as it came; what they add up to stands in the order's own row.
amendments = Table(
    "amendments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("order_id", Text, nullable=False),
    # refund, cancellation, reopening or correction.
    Column("kind", String(12), nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("goods_micros", BigInteger, nullable=False),
    Column("tax_micros", BigInteger, nullable=False),
    Column("delivery_micros", BigInteger, nullable=False),
    Column("recovered_cost_micros", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("running_total", Boolean, nullable=False),
    # The order's new content, as JSON.
    Column("correction", Text),
    # waiting (for its order), applied, or contradicts (its order disagrees: it changes nothing).
    Column("status", String(11), nullable=False),
    # How it contradicts, as JSON; empty for all others.
    Column("problem", Text, nullable=False),
    Index("amendments_by_order", "order_id"),
    Index(
        "amendments_without_effect",
        "status",
        "time_us",
        sqlite_where=text("status <> 'applied'"),
    ),
)

identity_links = Table(
    "identity_links",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("visitor", Text, nullable=False),
    Column("customer", Text, nullable=False),
)

# What files say of customers, and of visitors: each label holds from its time until the next one of
# the same name. An exposure that brings its own label needs none.
customer_attributes = Table(
    "customer_attributes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("name", String(64), nullable=False),
    Column("label", Text, nullable=False),
)

costs = Table(
    "costs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("campaign", String(63), nullable=False),
    Column("channel", Text, nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("shop_amount_micros", BigInteger, nullable=False),
)

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("currency_code", String(3), nullable=False),
    Column("shop_picos_per_unit", BigInteger, nullable=False),
    Index("exchange_rates_by_time", "currency_code", "time_us"),
)

# Events that cannot be judged yet; their ids are among the seen ones.
parked_events = Table(
    "parked_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", LargeBinary(16), nullable=False),
    # waiting, or refused: by a rule in the end, or because it waited for too long.
    Column("state", String(7), nullable=False),
    Column("reason", String(20), nullable=False),
    # The campaign, the campaign and epoch, the currency, or the clock.
    Column("waits_for", Text, nullable=False),
    # From when on the clock allows it; NULL where it waits for something else.
    Column("due_us", BigInteger),
    Column("size_bytes", Integer, nullable=False),
    # The later of its time and its arrival: its age counts from here.
    Column("since_us", BigInteger, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("shift_us", BigInteger, nullable=False),
    Column("field", Text, nullable=False),
    Column("message", Text, nullable=False),
    # An Event message, with its ids as they are stored.
    Column("content", LargeBinary, nullable=False),
    # The ids in it, between line breaks, and the order that it is about: for erasing.
    Column("units", Text, nullable=False, server_default=""),
    Column("order_id", Text, nullable=False, server_default=""),
    UniqueConstraint("event_id", name="parked_events_event_id"),
    # Holds all that a summary needs.
    Index(
        "parked_events_by_wait", "state", "reason", "waits_for", "due_us", "size_bytes", "since_us"
    ),
)

# Events whose time was corrected for the clock of the caller, and by how much.
clock_corrections = Table(
    "clock_corrections",
    metadata,
    Column("event_id", LargeBinary(16), primary_key=True),
    Column("shift_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# One row: how the ids of visitors and customers are stored in this database.
stored_ids = Table(
    "stored_ids",
    metadata,
    Column("id", Integer, primary_key=True),
    # keyed or raw.
    Column("form", String(5), nullable=False),
    # By which the key is recognised; empty for raw ids. The key itself is never here.
    Column("key_check", Text, nullable=False),
    # Random, in hex: for tombstones.
    Column("salt", Text, nullable=False),
)

# Tombstones: what was erased stays erased, whoever sends it again.
erased_units = Table(
    "erased_units",
    metadata,
    Column("id", RowId, primary_key=True),
    # unit or order.
    Column("kind", String(5), nullable=False),
    # A keyed id; else a salted hash.
    Column("hash", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    UniqueConstraint("hash", name="erased_units_hash"),
)

# Who erased or exported a visitor or customer: written by versions before `changes` had it.
unit_requests = Table(
    "unit_requests",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("time_us", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    # erase or export.
    Column("verb", String(6), nullable=False),
    Column("reason", Text, nullable=False),
    # The id and those linked with it.
    Column("ids", BigInteger, nullable=False),
    # Rows by table, as a JSON object.
    Column("counts", Text, nullable=False),
)

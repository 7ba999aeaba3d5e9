"""Tokens with roles, settings of administrators, and one chained history of all changes."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LOSES_GOING_BACK = (
    "all tokens but FAIRLIFT_TOKEN, what administrators set, and the history of all that is no "
    "campaign"
)

_REQUESTS = sa.text(
    "SELECT time_us, author, verb, reason, ids, counts FROM unit_requests ORDER BY id"
)
_ENTRY = sa.text(
    "INSERT INTO changes (time_us, author, verb, epoch, fields, reason, resource) "
    "VALUES (:time_us, :author, :verb, 0, :fields, :reason, 'units')"
)
_SAFE = 3  # the class of a change that mixes nothing


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(63), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger()),
        sa.Column("revoked_us", sa.BigInteger()),
        sa.Column("last_used_us", sa.BigInteger()),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("old_secret_hash", sa.LargeBinary(32)),
        sa.Column("old_secret_expires_us", sa.BigInteger()),
    )
    op.create_table(
        "shop_settings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("retention_days", sa.Integer()),
    )
    with op.batch_alter_table("changes") as changes:
        # Changes of anything but campaigns stand here too.
        changes.alter_column("campaign", existing_type=sa.String(63), nullable=True)
        for name in ("resource", "user_name", "peer"):
            changes.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        # Set when an entry is chained: an older server beside this one does not.
        changes.add_column(sa.Column("number", sa.BigInteger()))
        changes.add_column(sa.Column("hash", sa.String(64)))
        changes.create_index("changes_by_number", ["number"], unique=True)
    connection = op.get_bind()
    for time_us, author, verb, reason, ids, counts in connection.execute(_REQUESTS).all():
        rows = {"ids": ids, **json.loads(counts)}
        fields = [
            {
                "field": name,
                "before": str(count),
                "after": "0" if verb == "erase" else str(count),
                "change_class": _SAFE,
                "reason": "",
            }
            for name, count in rows.items()
        ]
        entry = {"time_us": time_us, "author": author, "verb": verb, "reason": reason}
        connection.execute(_ENTRY, {**entry, "fields": json.dumps(fields)})


def downgrade() -> None:
    op.execute("DELETE FROM changes WHERE campaign IS NULL")
    with op.batch_alter_table("changes") as changes:
        changes.drop_index("changes_by_number")
        for name in ("hash", "number", "peer", "user_name", "resource"):
            changes.drop_column(name)
        changes.alter_column("campaign", existing_type=sa.String(63), nullable=False)
    op.drop_table("shop_settings")
    op.drop_table("tokens")

"""What the other tables tell of changes whose entries are missing from the history."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from fairlift_server.store import tables

_DRAFT = "draft"


def missing_entry(connection: Connection) -> str:
    """The first change that shows in another table, but not in the history; empty: none.

    Every campaign was created, and those that are no drafts were started; every token was created,
    and those that have ended by hand were revoked; settings were changed where there are some.
    """
    changes = tables.changes.c
    query = select(changes.resource, changes.campaign, changes.verb).distinct()
    noted = {
        # An older version names the campaign alone.
        (row.resource or f"campaigns/{row.campaign}", row.verb)
        for row in connection.execute(query)
    }
    for resource, verb in _made(connection):
        if (resource, verb) not in noted:
            return f"{resource} is there, and the entry of its {verb!r} is missing"
    return ""


def _made(connection: Connection) -> Iterator[tuple[str, str]]:
    """The changes that must have been made, by resource and verb."""
    campaigns = tables.campaigns.c
    query = select(campaigns.id, campaigns.state).order_by(campaigns.id)
    for row in connection.execute(query):
        yield f"campaigns/{row.id}", "create"
        if row.state != _DRAFT:
            yield f"campaigns/{row.id}", "start"
    tokens = tables.tokens.c
    for row in connection.execute(select(tokens.id, tokens.revoked_us).order_by(tokens.id)):
        yield f"tokens/{row.id}", "create"
        if row.revoked_us is not None:
            yield f"tokens/{row.id}", "revoke"
    if connection.execute(select(tables.shop_settings.c.id)).first() is not None:
        yield "settings", "update"

"""What campaigns and channels cost."""

from sqlalchemy import Connection, select

from fairlift_server.store import tables


def has_costs(connection: Connection, campaign: str) -> bool:
    """Whether some cost names the campaign."""
    query = select(tables.costs.c.id).where(tables.costs.c.campaign == campaign).limit(1)
    return connection.execute(query).first() is not None

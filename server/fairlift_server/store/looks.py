"""The look log: every analysis that was shown, written before it was."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from fairlift_server.store import tables
from fairlift_server.store.campaigns import microseconds, moment


@dataclass(frozen=True, slots=True)
class LookRecord:
    """One look as it is kept; `content` is JSON that only `results` reads."""

    number: int
    time: datetime
    content: str


def looks(connection: Connection, campaign: str, epoch: int) -> list[LookRecord]:
    """The looks at one epoch, oldest first."""
    query = (
        select(tables.looks)
        .where(tables.looks.c.campaign == campaign, tables.looks.c.epoch == epoch)
        .order_by(tables.looks.c.number)
    )
    return [LookRecord(r.number, moment(r.time_us), r.content) for r in connection.execute(query)]


def add_look(connection: Connection, campaign: str, epoch: int, look: LookRecord) -> None:
    """Keeps a look; its number must be free."""
    connection.execute(
        insert(tables.looks).values(
            campaign=campaign,
            epoch=epoch,
            number=look.number,
            time_us=microseconds(look.time),
            content=look.content,
        )
    )

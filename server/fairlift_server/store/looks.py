"""The look log: each look is stored before its result is shown."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from fairlift_server.store import tables
from fairlift_server.store.campaigns import microseconds, moment


@dataclass(frozen=True, slots=True)
class LookRecord:
    """One stored look; `content` is JSON that fairlift_server.results writes and reads."""

    number: int
    time: datetime
    content: str


def looks_of(connection: Connection, campaign: str, epoch: int) -> list[LookRecord]:
    """The looks of one epoch, oldest first."""
    query = (
        select(tables.looks)
        .where(tables.looks.c.campaign == campaign, tables.looks.c.epoch == epoch)
        .order_by(tables.looks.c.number)
    )
    return [
        LookRecord(row.number, moment(row.time_us), row.content)
        for row in connection.execute(query)
    ]


def add_look(connection: Connection, campaign: str, epoch: int, look: LookRecord) -> None:
    """Inserts a look; its number must not be taken."""
    connection.execute(
        insert(tables.looks).values(
            campaign=campaign,
            epoch=epoch,
            number=look.number,
            time_us=microseconds(look.time),
            content=look.content,
        )
    )

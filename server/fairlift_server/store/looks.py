"""The look log: each look is stored before its result is shown; and what a list says of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fairlift.engine.errors import Conflict
from sqlalchemy import Connection, Row, delete, insert, select

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
    return [_record(row) for row in connection.execute(query)]


def newest_look_of(connection: Connection, campaign: str, epoch: int) -> LookRecord | None:
    """The newest look of one epoch; None: it has none."""
    query = (
        select(tables.looks)
        .where(tables.looks.c.campaign == campaign, tables.looks.c.epoch == epoch)
        .order_by(tables.looks.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> LookRecord:
    return LookRecord(row.number, moment(row.time_us), row.content)


class LookTaken(Conflict):
    """Another server stored a look with the same number a moment ago: that one counts."""


def add_look(connection: Connection, campaign: str, epoch: int, look: LookRecord) -> None:
    """Inserts a look.

    Raises:
        LookTaken: its number is taken.
    """
    taken = select(tables.looks.c.number).where(
        tables.looks.c.campaign == campaign,
        tables.looks.c.epoch == epoch,
        tables.looks.c.number == look.number,
    )
    if connection.execute(taken).first() is not None:
        raise LookTaken(f"{campaign} has look {look.number}")
    connection.execute(
        insert(tables.looks).values(
            campaign=campaign,
            epoch=epoch,
            number=look.number,
            time_us=microseconds(look.time),
            content=look.content,
        )
    )


def put_report_line(connection: Connection, campaign: str, epoch: int, content: str) -> None:
    """Inserts or replaces what a list of reports says of an epoch."""
    lines = tables.report_lines.c
    connection.execute(
        delete(tables.report_lines).where(lines.campaign == campaign, lines.epoch == epoch)
    )
    connection.execute(
        insert(tables.report_lines).values(campaign=campaign, epoch=epoch, content=content)
    )


def report_lines_of(
    connection: Connection, campaigns: Collection[str]
) -> dict[tuple[str, int], str]:
    """By campaign and epoch, what a list of reports says."""
    query = select(tables.report_lines).where(tables.report_lines.c.campaign.in_(campaigns))
    return {(row.campaign, row.epoch): row.content for row in connection.execute(query)}

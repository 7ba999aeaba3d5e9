"""The look log: each look is stored before its result is shown."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from fairlift_server.store import tables
from fairlift_server.store.campaigns import microseconds, moment


@dataclass(frozen=True, slots=True)
class LookRecord:
    """One stored look; its content and line are JSON that fairlift_server.results reads.

    `report_line` is None where a later look was made with it.
    """

    number: int
    time: datetime
    content: str
    report_line: str | None = None


def looks_of(connection: Connection, campaign: str, epoch: int) -> list[LookRecord]:
    """The looks of one epoch, oldest first."""
    query = (
        select(tables.looks)
        .where(tables.looks.c.campaign == campaign, tables.looks.c.epoch == epoch)
        .order_by(tables.looks.c.number)
    )
    return [
        LookRecord(row.number, moment(row.time_us), row.content, row.report_line)
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
            report_line=look.report_line,
        )
    )


def newest_report_lines(
    connection: Connection, campaigns: Collection[str]
) -> dict[tuple[str, int], str]:
    """By campaign and epoch, what a list of reports says of the newest look that has a line."""
    looks = tables.looks.c
    query = (
        select(looks.campaign, looks.epoch, looks.report_line)
        .where(looks.campaign.in_(campaigns), looks.report_line.is_not(None))
        .order_by(looks.campaign, looks.epoch, looks.number)
    )
    # The last of equal keys stays.
    return {(row.campaign, row.epoch): row.report_line for row in connection.execute(query)}

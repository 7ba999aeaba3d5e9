"""What differs between readings of one campaign, as variables of the connection.

The text of a statement names a variable where it would have a moment or a campaign. So it stays the
same from day to day, and for all campaigns that ask the same, and is worked out once.
"""

from collections.abc import Mapping
from dataclasses import replace

import ibis

from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.ledger_query import Lateness, LedgerQuery, LiveQuestion


@ibis.udf.scalar.builtin(name="getvariable")  # type: ignore[untyped-decorator]  # published untyped
def known_number(variable: str) -> int:  # type: ignore[empty-body]  # the engine has the body
    """A whole number, often a moment, that the connection knows by this name."""


@ibis.udf.scalar.builtin(name="getvariable")  # type: ignore[untyped-decorator]  # published untyped
def known_text(variable: str) -> str:  # type: ignore[empty-body]  # the engine has the body
    """A text that the connection knows by this name."""


def variables_of(query: LedgerQuery) -> Mapping[str, int | str]:
    """The variables that the statements of this query name."""
    variables: dict[str, int | str] = {"campaign": query.campaign, "epoch": query.epoch}
    if query.entry.start_us is not None:
        variables["start_us"] = query.entry.start_us
    if query.as_of_day is not None:
        variables["end_us"] = DayCalendar(query.time_zone).end_us(query.as_of_day)
    if query.live is not None:
        variables["now_us"] = query.live.now_us
    if query.late is not None:
        variables |= {"late_end_us": query.late.end_us, "late_made_us": query.late.made_us}
    return variables


def shape_of(query: LedgerQuery) -> LedgerQuery:
    """The query without what its variables say: queries of one shape have the same statements."""
    live = query.live
    if live is not None:
        live = LiveQuestion(0, live.window, None if live.late is None else Lateness(0, 0))
    return replace(
        query,
        campaign="",
        epoch=0,
        entry=replace(query.entry, start_us=None if query.entry.start_us is None else 0),
        as_of_day=None if query.as_of_day is None else 0,
        live=live,
    )

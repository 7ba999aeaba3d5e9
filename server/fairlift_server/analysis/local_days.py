"""Days of a zone's clock as a small table that statements join: one row per query."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import ibis

from fairlift_server.analysis.columns import Window, maturity_us
from fairlift_server.analysis.day_calendar import DAY_US, DayCalendar
from fairlift_server.analysis.query_tables import NEVER_US
from fairlift_server.analysis.untyped import Table, Value

CLOCKS: Final = "clocks"
HOUR_US: Final = DAY_US // 24


def clock_columns(changes: int) -> dict[str, str]:
    """The columns of the table of clocks that change at most so often."""
    numbers = range(changes)
    return {
        "query_id": "int64",
        **{f"until{n}_us": "int64" for n in numbers},
        **{f"offset{n}_us": "int64" for n in range(changes + 1)},
    }


def clock_rows(spans: Mapping[int, tuple[str, int, int]]) -> tuple[int, list[tuple[int, ...]]]:
    """How often clocks change at most, and the rows of the table.

    Args:
        spans: by query its time zone, and the first and the last moment that is asked for.
    """
    offsets = {
        number: DayCalendar(zone).offsets(first, last)
        for number, (zone, first, last) in spans.items()
    }
    most = max((len(each) - 1 for each in offsets.values()), default=0)
    return most, [
        (number, *_padded([at for at, _ in each[1:]], most, NEVER_US),
         *_padded([offset for _, offset in each], most + 1, each[-1][1]))
        for number, each in offsets.items()
    ]  # fmt: skip


def clocks_table(changes: int) -> Table:
    """The table of clocks."""
    return ibis.table(clock_columns(changes), name=CLOCKS)


def local_day(time_us: Value, clocks: Table, changes: int) -> Value:
    """The local day of a moment."""
    return _local_us(time_us, clocks, changes) // DAY_US


def local_hour(time_us: Value, clocks: Table, changes: int) -> Value:
    """The local hour of a moment, 0 to 23."""
    return (_local_us(time_us, clocks, changes) % DAY_US) // HOUR_US


def own_mature_days(windows: Sequence[Window], changes: int) -> Iterator[Window]:
    """The windows whose day of maturity is not told by the day of entry.

    Where the clock does not change a unit is mature whole days later.
    """
    for window in windows:
        if maturity_us(window) and (changes or maturity_us(window) % DAY_US):
            yield window


def _local_us(time_us: Value, clocks: Table, changes: int) -> Value:
    branches = [(time_us < clocks[f"until{n}_us"], clocks[f"offset{n}_us"]) for n in range(changes)]
    last = clocks[f"offset{changes}_us"]
    return time_us + (ibis.cases(*branches, else_=last) if branches else last)


def _padded(values: list[int], length: int, filler: int) -> list[int]:
    return values + [filler] * (length - len(values))

"""The days of a time zone: which day a moment falls into, in Python and as numbers for a query.

A day is a whole number, counted from 1970-01-01 in local time. Engines disagree about time zones,
so a query gets the zone's offsets as plain numbers.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DATE = date(1970, 1, 1)
_SECOND_US = 1_000_000
DAY_US = 86_400 * _SECOND_US
MINUTE_US = 60 * _SECOND_US


def full_minute(time_us: int) -> int:
    """The last full minute at a moment."""
    return time_us // MINUTE_US * MINUTE_US


@dataclass(frozen=True, slots=True)
class DayCalendar:
    """The days of one time zone, such as Europe/Madrid."""

    time_zone: str

    def day_of(self, time_us: int) -> int:
        """The day that a moment falls into."""
        return (time_us + self.offset_us(time_us)) // DAY_US

    def offset_us(self, time_us: int) -> int:
        """Local time less UTC at a moment."""
        local = (_EPOCH + timedelta(microseconds=time_us)).astimezone(ZoneInfo(self.time_zone))
        offset = local.utcoffset()
        assert offset is not None, "it has a time zone"
        return offset // timedelta(microseconds=1)

    def end_us(self, day: int) -> int:
        """The first moment after a day: midnight, or what the clock shows in its place."""
        midnight = datetime.combine(
            self.date_of(day + 1), datetime.min.time(), tzinfo=ZoneInfo(self.time_zone)
        )
        return (midnight - _EPOCH) // timedelta(microseconds=1)

    def date_of(self, day: int) -> date:
        """The calendar date of a day."""
        return _EPOCH_DATE + timedelta(days=day)

    def offsets(self, first_us: int, last_us: int) -> list[tuple[int, int]]:
        """From which moment on which offset holds, for all moments between these two."""
        changes = [(first_us, self.offset_us(first_us))]
        changes.extend(self._changes(first_us, last_us))
        return changes

    def _changes(self, first_us: int, last_us: int) -> Iterator[tuple[int, int]]:
        """Changes of the clock; no zone changes twice within a day."""
        for start_us in range(first_us, last_us, DAY_US):
            end_us = min(start_us + DAY_US, last_us)
            after = self.offset_us(end_us)
            if self.offset_us(start_us) != after:
                seconds = range(start_us, end_us + _SECOND_US, _SECOND_US)
                index = bisect_left(seconds, True, key=lambda us: self.offset_us(us) == after)
                # Clocks change on a whole second; the scan may start within one.
                moment = seconds[index] // _SECOND_US * _SECOND_US
                yield max(moment, first_us), after

"""The days of a campaign: which of them are over, and which are looked at next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.entry_rules import EntryRules
from fairlift_server.events.intake import Intake

HOUR_US = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which nobody entered; its end is None while it lasts."""

    start_us: int
    end_us: int | None


@dataclass(frozen=True, slots=True)
class CampaignDay:
    """One day of a campaign.

    Attributes:
        number: counted from 1.
        date: in the campaign's time zone.
        end_us: the first moment after it.
        due_us: when its look is due, after the time for its events to settle.
    """

    number: int
    date: date
    end_us: int
    due_us: int


@dataclass(frozen=True, slots=True)
class CampaignDays:
    """Day 1 is the first whole day in the campaign's time zone; days touched by a pause are none.

    Attributes:
        time_zone: in which days begin and end.
        start_us: when the epoch began; it may lie in the past.
        opened_us: when somebody began it, by the clock.
        settle_us: how long events of a day may take to arrive.
        pauses: in order; the last one may still last.
        stop_us: when somebody stopped the campaign; None while nobody has.
    """

    time_zone: str
    start_us: int
    opened_us: int
    settle_us: int
    pauses: tuple[Pause, ...] = ()
    stop_us: int | None = None

    @property
    def is_paused(self) -> bool:
        """Whether a pause lasts."""
        return any(pause.end_us is None for pause in self.pauses)

    def entry_rules(self, overrides: Iterable[str]) -> EntryRules:
        """Which exposures count: what happened before the start or in a pause does not."""
        pauses = tuple((pause.start_us, pause.end_us) for pause in self.pauses)
        return EntryRules(self.start_us, pauses, tuple(sorted(overrides)))

    @property
    def is_replayed(self) -> bool:
        """Whether the campaign was begun after it had started, for history that is replayed."""
        return self.start_us < self.opened_us

    @property
    def stop_date(self) -> date | None:
        """The day on which somebody stopped the campaign."""
        if self.stop_us is None:
            return None
        return self.date_of(DayCalendar(self.time_zone).day_of(self.stop_us))

    def nth(self, number: int) -> "CampaignDay | None":
        """The campaign day with this number, counted from 1; None when it never comes."""
        if self.pauses:
            calendar_day = next(islice(self.calendar_days(), number - 1, None), None)
        else:
            calendar_day = self._first() + number - 1
        if calendar_day is None:
            return None
        end_us = self.end_us(calendar_day)
        return CampaignDay(
            number, self.date_of(calendar_day), end_us, due_us=end_us + self.settle_us
        )

    def calendar_days(self) -> Iterator[int]:
        """The calendar's days that are the campaign's days 1, 2, 3, …; ends while it is paused."""
        calendar = DayCalendar(self.time_zone)
        day = self._first()
        while not self._ends_in_pause(calendar.end_us(day)):
            start_us, end_us = calendar.end_us(day - 1), calendar.end_us(day)
            if not any(_touches(pause, start_us, end_us) for pause in self.pauses):
                yield day
            day += 1

    def date_of(self, calendar_day: int) -> date:
        """The date of a calendar's day."""
        return DayCalendar(self.time_zone).date_of(calendar_day)

    def end_of_date_us(self, day: date) -> int:
        """The moment at which a date of the campaign's time zone ends."""
        return self.end_us((day - date(1970, 1, 1)).days)

    def end_us(self, calendar_day: int) -> int:
        """The moment at which a calendar's day ends."""
        return DayCalendar(self.time_zone).end_us(calendar_day)

    def _first(self) -> int:
        """The first calendar's day that begins at or after the start."""
        calendar = DayCalendar(self.time_zone)
        day = calendar.day_of(self.start_us)
        return day if calendar.end_us(day - 1) == self.start_us else day + 1

    def _ends_in_pause(self, moment_us: int) -> bool:
        """Whether no day can follow, since a pause that lasts has begun."""
        return any(pause.end_us is None and pause.start_us < moment_us for pause in self.pauses)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How far the events of a campaign's units have come; None before the first.

    Attributes:
        now_us: the time of the clock.
        last_event_us: the latest time of an event: live traffic moves it with the clock, history
            that is imported as it comes in.
        last_received_us: when the last event came in.
        last_entry_us: the latest first exposure of a unit.
        intake: when events could come in.
    """

    now_us: int
    last_event_us: int | None
    last_received_us: int | None
    last_entry_us: int | None
    intake: Intake


def is_over(days: CampaignDays, arrivals: Arrivals, calendar_day: int) -> bool:
    """Whether the events of a day have arrived.

    They have when events of the time after it come in, or when the clock has passed it and nothing
    comes in at all though it could. After an outage the events that had to wait have the same time
    to arrive. Whoever stops the campaign says that what happened before is complete.
    """
    end_us = days.end_us(calendar_day)
    settled_us = end_us + days.settle_us
    if days.stop_us is not None and days.stop_us >= settled_us:
        return True
    resumed_us = _resumed_us(days, arrivals.intake, end_us)
    if resumed_us is not None and arrivals.now_us < resumed_us + days.settle_us:
        return False
    if arrivals.last_event_us is not None and arrivals.last_event_us >= settled_us:
        return True
    # A campaign that was begun just now may wait for its history to be imported.
    heard_us = max(
        days.opened_us, arrivals.last_received_us or days.opened_us, arrivals.intake.up_since_us
    )
    is_quiet = heard_us <= arrivals.now_us - days.settle_us
    return is_quiet and arrivals.now_us >= settled_us


def _resumed_us(days: CampaignDays, intake: Intake, end_us: int) -> int | None:
    """When events came in again after an outage before this end of a day had settled, if one was.

    An outage is a silence as long as the time to settle. What was silent before the campaign was
    begun, or long after the day, has kept none of its events away.
    """
    return max(
        (
            silence.end_us
            for silence in intake.silences
            if silence.end_us - silence.start_us >= days.settle_us
            and days.opened_us <= silence.start_us < end_us + days.settle_us
            and silence.end_us > end_us
        ),
        default=None,
    )


def entry_stopped_us(days: CampaignDays, arrivals: Arrivals) -> int | None:
    """When the last unit entered a campaign that somebody stopped; None while it was not."""
    if days.stop_us is None:
        return None
    if arrivals.last_entry_us is None:
        return days.stop_us
    return min(days.stop_us, arrivals.last_entry_us)


def _touches(pause: Pause, start_us: int, end_us: int) -> bool:
    return pause.start_us < end_us and (pause.end_us is None or pause.end_us > start_us)

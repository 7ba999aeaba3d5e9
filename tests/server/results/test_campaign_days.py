"""Which days a campaign has, and when their events have arrived."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import cast

import pytest
from fairlift.wire.campaign import campaign_from
from fairlift_server.events.intake import Intake, IntakeWatch, Silence
from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.results.campaign_days import (
    Arrivals,
    CampaignDays,
    Pause,
    entry_stopped_us,
    is_over,
)
from fairlift_server.results.campaign_history import _until
from fairlift_server.results.look import LookRequest, expected_rounds
from fairlift_stats.sequential.sealed_looks import SealedContent

from tests.server import shop
from tests.server.results.test_look_report import look_of

MADRID = "Europe/Madrid"
HOUR = timedelta(hours=1)


def us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def days_of(
    start: datetime, *, stop: datetime | None = None, pauses: tuple[Pause, ...] = ()
) -> CampaignDays:
    return CampaignDays(
        MADRID, us(start), us(start), us(datetime(1970, 1, 1, 2, tzinfo=UTC)), pauses,
        None if stop is None else us(stop),
    )  # fmt: skip


def dates(days: CampaignDays, count: int) -> list[str]:
    return [days.date_of(day).isoformat() for day in islice(days.calendar_days(), count)]


def test_day_1_is_the_first_whole_day_of_the_zone() -> None:
    midnight = shop.midnight(date(2026, 3, 2), MADRID)

    assert dates(days_of(midnight), 2) == ["2026-03-02", "2026-03-03"]
    assert dates(days_of(midnight + timedelta(microseconds=1)), 2) == ["2026-03-03", "2026-03-04"]
    # In UTC it is still the first of March.
    assert dates(days_of(midnight - timedelta(microseconds=1)), 2) == ["2026-03-02", "2026-03-03"]


def test_days_that_a_pause_touches_do_not_count() -> None:
    start = shop.midnight(date(2026, 3, 2), MADRID)
    noon, later = start + 36 * HOUR, start + 61 * HOUR  # Tuesday 12:00 to Wednesday 13:00
    pause = Pause(us(noon), us(later))

    assert dates(days_of(start, pauses=(pause,)), 3) == ["2026-03-02", "2026-03-05", "2026-03-06"]
    # A pause that ends at midnight touches no other day.
    pause = Pause(us(noon), us(start + 48 * HOUR))
    assert dates(days_of(start, pauses=(pause,)), 2) == ["2026-03-02", "2026-03-04"]


@pytest.mark.parametrize(("hours", "rounds"), [(-100, 1), (25, 1), (26, 2), (98, 2), (122, 3)])
def test_the_ledger_is_asked_once_and_once_for_every_four_days_that_are_due(
    hours: int, rounds: int
) -> None:
    """A day is due two hours after its end."""
    start = shop.midnight(date(2026, 3, 2), MADRID)
    plan = cast("AnalysisPlan", None)  # which says nothing of days
    now_us = us(start + hours * HOUR)

    request = LookRequest(plan, "", days_of(start), (), None, now_us, Intake(up_since_us=0))

    assert expected_rounds(request) == rounds


@pytest.mark.parametrize(("mixed", "rounds"), [(2, 1), (3, 2)])
def test_the_ledger_is_asked_once_more_where_more_than_one_in_a_hundred_is_mixed(
    mixed: int, rounds: int
) -> None:
    start = shop.midnight(date(2026, 3, 2), MADRID)
    plan = analysis_plan_of(campaign_from(shop.campaign()), currency="EUR")
    # Of a day: 200 units met one variant.
    look = replace(look_of(plan), contaminated={plan.arms[0]: mixed})
    stored = (SealedContent(look.to_json(), "seal"),)

    request = LookRequest(
        plan, "", days_of(start), stored, None, us(start + 26 * HOUR), Intake(up_since_us=0)
    )

    assert expected_rounds(request) == rounds


def test_while_a_campaign_is_paused_it_has_no_days_ahead() -> None:
    start = shop.midnight(date(2026, 3, 2), MADRID)
    days = days_of(start, pauses=(Pause(us(start + 36 * HOUR), None),))

    assert dates(days, 10) == ["2026-03-02"]


START = shop.midnight(date(2026, 3, 28), MADRID)
# On Sunday, 29 March, the clock of Madrid skips an hour: the day ends 47 hours after its eve began.
END = START + 47 * HOUR
SUNDAY = (date(2026, 3, 29) - date(1970, 1, 1)).days


def arrivals(
    now: datetime,
    *,
    event: datetime | None,
    received: datetime | None,
    up_since: datetime = START - 1000 * HOUR,
    silences: tuple[tuple[datetime, datetime], ...] = (),
) -> Arrivals:
    return Arrivals(
        us(now),
        None if event is None else us(event),
        None if received is None else us(received),
        None if event is None else us(event),
        Intake(us(up_since), tuple(Silence(us(start), us(end)) for start, end in silences)),
    )


@pytest.mark.parametrize(
    ("now", "event", "received", "expected"),
    [
        # Events of the time after it have come.
        (END + 2 * HOUR, END + 2 * HOUR, END + 2 * HOUR, True),
        (END + 3 * HOUR, END + HOUR, END + 3 * HOUR, False),
        # Nothing has come in for two hours, and the clock has passed it by two.
        (END + 2 * HOUR, END - HOUR, END, True),
        (END + 2 * HOUR, END - HOUR, END + HOUR, False),
        (END + 2 * HOUR - timedelta(microseconds=1), END - HOUR, END - 3 * HOUR, False),
        # History that is being imported: long ago by its events, just now by the clock.
        (END + 400 * HOUR, END - HOUR, END + 399 * HOUR, False),
        (END + 400 * HOUR, END + 2 * HOUR, END + 400 * HOUR, True),
        # Nobody ever came.
        (END + 2 * HOUR, None, None, True),
    ],
)
def test_a_day_is_over_when_its_events_have_arrived(
    now: datetime, event: datetime | None, received: datetime | None, expected: bool
) -> None:
    days = days_of(START)

    assert days.end_us(SUNDAY) == us(END)
    assert is_over(days, arrivals(now, event=event, received=received), SUNDAY) is expected


@pytest.mark.parametrize(
    ("now", "silence", "expected"),
    [
        # Nothing came in from before the day's end until nine hours after it: what had to wait in
        # storefronts comes in beside what is new, and has two hours to do so.
        (END + 9 * HOUR, (END - 3 * HOUR, END + 9 * HOUR), False),
        (END + 11 * HOUR - timedelta(microseconds=1), (END - 3 * HOUR, END + 9 * HOUR), False),
        (END + 11 * HOUR, (END - 3 * HOUR, END + 9 * HOUR), True),
        # It began while the day settled.
        (END + 9 * HOUR, (END + HOUR, END + 9 * HOUR), False),
        # A gap shorter than the time to settle is no outage.
        (END + 2 * HOUR, (END - HOUR, END + HOUR - timedelta(microseconds=1)), True),
        (END + 2 * HOUR, (END - HOUR, END + HOUR), False),
        # It was over with the day, or began when the day had settled.
        (END + 2 * HOUR, (END - 9 * HOUR, END), True),
        (END + 9 * HOUR, (END + 2 * HOUR, END + 9 * HOUR), True),
        # It began before the campaign did, whose history is being imported.
        (END + 9 * HOUR, (START - HOUR, END + 9 * HOUR), True),
    ],
)
def test_an_outage_gives_the_events_that_had_to_wait_time_to_arrive(
    now: datetime, silence: tuple[datetime, datetime], expected: bool
) -> None:
    # An event of now: the newest event alone would say that the day is over.
    heard = arrivals(now, event=now, received=now, silences=(silence,))

    assert is_over(days_of(START), heard, SUNDAY) is expected


def test_a_server_that_is_up_again_does_not_take_its_own_silence_for_quiet() -> None:
    up = END + 9 * HOUR
    last = END - 3 * HOUR

    soon, later = (
        arrivals(up + wait, event=last, received=last, up_since=up) for wait in (HOUR, 2 * HOUR)
    )
    assert not is_over(days_of(START), soon, SUNDAY)
    assert is_over(days_of(START), later, SUNDAY)


def test_the_intake_remembers_its_silences_and_its_failures() -> None:
    hour = 3_600_000_000
    watch = IntakeWatch(up_since_us=10 * hour, last_received_us=2 * hour)

    watch.received(11 * hour)
    watch.received(12 * hour - 1)
    watch.received(13 * hour - 1)
    assert watch.state == Intake(
        10 * hour, (Silence(2 * hour, 11 * hour), Silence(12 * hour - 1, 13 * hour - 1))
    )
    watch.failed(14 * hour)
    assert watch.state.up_since_us == 14 * hour
    watch.received(12 * hour)
    assert watch.state.up_since_us == 12 * hour  # the clock was set back
    first = IntakeWatch(up_since_us=10 * hour, last_received_us=None)
    first.received(20 * hour)
    assert first.state.silences == ()


def test_a_campaign_that_was_begun_just_now_waits_for_its_history() -> None:
    begun = END + 400 * HOUR
    days = CampaignDays(MADRID, us(START), us(begun), 2 * 3_600 * 1_000_000)

    nothing = arrivals(begun + HOUR, event=None, received=None)
    assert not is_over(days, nothing, SUNDAY)
    assert is_over(days, arrivals(begun + 2 * HOUR, event=None, received=None), SUNDAY)


def test_whoever_stops_a_campaign_closes_the_days_before() -> None:
    stop = END + 400 * HOUR
    just_now = arrivals(stop, event=END - HOUR, received=stop)

    assert not is_over(days_of(START), just_now, SUNDAY)
    assert is_over(days_of(START, stop=stop), just_now, SUNDAY)
    assert not is_over(days_of(START, stop=END + HOUR), just_now, SUNDAY)


def test_entry_ends_with_the_last_unit_or_with_the_stop() -> None:
    stop = START + 30 * HOUR
    before = arrivals(stop, event=stop - HOUR, received=stop)

    assert entry_stopped_us(days_of(START), before) is None
    assert entry_stopped_us(days_of(START, stop=stop), before) == us(stop - HOUR)
    after = arrivals(stop, event=stop + HOUR, received=stop)
    assert entry_stopped_us(days_of(START, stop=stop), after) == us(stop)


def test_a_pause_that_lasts_into_the_next_epoch_ends_with_its_own() -> None:
    before, lasting, later = Pause(1, 2), Pause(5, None), Pause(9, 12)

    assert _until(None, (before, lasting)) == (before, lasting)
    assert _until(8, (before, lasting, later)) == (before, Pause(5, 8))
    assert _until(8, (Pause(5, 11),)) == (Pause(5, 8),)


def test_the_nth_day_has_its_date_its_end_and_the_moment_its_look_is_due() -> None:
    start = shop.midnight(date(2026, 3, 28), MADRID)
    pause = Pause(us(start + HOUR), us(start + 2 * HOUR))
    second = days_of(start).nth(2)
    after_pause = days_of(start, pauses=(pause,)).nth(1)

    assert second is not None
    assert (second.number, second.date) == (2, date(2026, 3, 29))
    # The clock skips an hour that Sunday.
    assert (second.end_us, second.due_us) == (us(START + 47 * HOUR), us(START + 49 * HOUR))
    assert after_pause is not None
    assert (after_pause.number, after_pause.date) == (1, date(2026, 3, 29))
    assert days_of(start, pauses=(Pause(us(start + 30 * HOUR), None),)).nth(3) is None


def test_a_campaign_is_replayed_if_it_was_begun_after_its_start() -> None:
    assert not days_of(START).is_replayed
    assert CampaignDays(MADRID, us(START), us(START) + 1, 0).is_replayed

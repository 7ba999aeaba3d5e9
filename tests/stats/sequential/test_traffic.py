"""The present pace of entry: that of the last week, by who has entered or who is mature."""

from datetime import date

import pytest
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.traffic import PresentTraffic, present_traffic

from tests.stats.sequential.shop import plan


def look(day: int, units: int, entered: int | None = None) -> Look:
    counts = (ArmCount("control", units, entered=entered), ArmCount("coupon", units))
    if entered is not None:
        counts = (counts[0], ArmCount("coupon", units, entered=entered))
    return Look(f"2026-11-{day + 1:02}", day, counts)


def test_the_pace_is_that_of_the_last_week_and_not_the_mean_since_the_start() -> None:
    # 100 a day and arm in the first week, then 300: both arms bring 600 a day.
    looks = [look(d, 0, 100 * min(d, 7) + 300 * max(0, d - 7)) for d in range(1, 15)]

    assert present_traffic(plan(), looks) == PresentTraffic(600.0, 7, 5_600, "2026-11-15")
    assert present_traffic(plan(), looks[:7]) == PresentTraffic(200.0, 7, 1_400, "2026-11-08")
    assert present_traffic(plan(), looks[:3]) == PresentTraffic(200.0, 3, 600, "2026-11-04")
    assert present_traffic(plan(), looks[:10]) is not None


def test_units_that_wait_for_their_window_count_as_entered() -> None:
    made = plan(window_days=3)

    by_entry = present_traffic(made, [look(10, 700, 1_000)])
    by_maturity = present_traffic(made, [look(10, 700)])

    assert by_entry == PresentTraffic(200.0, 10, 2_000, "2026-11-11")
    # Of 10 days those of 7 are mature.
    assert by_maturity == PresentTraffic(200.0, 7, 1_400, "2026-11-11")
    assert by_maturity.weekly == 1_400


def test_looks_of_an_earlier_version_are_compared_by_maturity() -> None:
    """It did not count who had entered; 100 a day and arm enter all the time."""
    made = plan(window_days=7)
    looks = [look(day, 100 * max(0, day - 7)) for day in range(1, 15)]
    looks += [look(day, 100 * (day - 7), 100 * day) for day in range(15, 23)]

    # Between days 8 and 15 those mature who entered in the first week.
    assert present_traffic(made, looks[:15]) == PresentTraffic(200.0, 7, 3_000, "2026-11-16")
    assert present_traffic(made, looks) == PresentTraffic(200.0, 7, 4_400, "2026-11-23")


def test_before_a_day_of_entry_there_is_no_pace() -> None:
    assert present_traffic(plan(window_days=3), [look(3, 0)]) is None
    assert present_traffic(plan(), [look(3, 0, 0)]) is None


def test_a_week_without_visitors_is_no_traffic_and_never_less() -> None:
    quiet = [look(2, 500, 500), look(9, 500, 500)]
    # Those who met a second variant leave the counts.
    shrunk = [look(2, 500, 500), look(9, 490, 490)]

    for looks in (quiet, shrunk):
        found = present_traffic(plan(), looks)
        assert found is not None
        assert found.a_day == 0


@pytest.mark.parametrize(("stopped", "weekly"), [(date(2026, 11, 11), 1_400), (None, 600)])
def test_days_after_a_stop_do_not_count(stopped: date | None, weekly: int) -> None:
    # 100 a day and arm until November 10, the end of day 9; entry was stopped on the 11th.
    looks = [look(d, 0, 100 * min(d, 9)) for d in range(1, 14)]

    found = present_traffic(plan(), looks, stopped=stopped)

    assert found is not None
    assert found.weekly == pytest.approx(weekly)


def test_a_stop_on_the_first_day_leaves_no_pace() -> None:
    assert present_traffic(plan(), [look(3, 5, 5)], stopped=date(2026, 11, 2)) is None

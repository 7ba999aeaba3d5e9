"""The calendar of looks: a pure function of the plan, the day and the mature units."""

import math
from typing import Any

import pytest
from fairlift_stats.sequential.calendar import (
    Occasion,
    days_ahead,
    days_of_entry,
    last_day,
    next_due,
    occasion,
    pace,
)
from fairlift_stats.sequential.plan import SequentialPlan

from tests.stats.sequential.shop import CR


def plan(**changes: Any) -> SequentialPlan:
    """28 days of entry, a window of three, 28,000 visitors."""
    fields = {"maximum_days": 28, "window_days": 3, **changes}
    return SequentialPlan(("control", "coupon"), (CR,), 28_000, **fields)


def judging(made: SequentialPlan, days: int = 35) -> list[int]:
    return [d for d in range(1, days + 1) if occasion(made, d, 1).judges_success]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [10, 17, 24, 31, 32, 33, 34, 35]),
        ({"window_days": 0}, [7, 14, 21, 28, 29, 30, 31, 32, 33, 34, 35]),
        ({"maximum_days": None}, [10, 17, 24, 31]),
        ({"maximum_days": None, "minimum_days": 14}, [17, 24, 31]),
        ({"maximum_days": None, "minimum_days": 8}, [17, 24, 31]),
        ({"maximum_days": None, "minimum_days": 1}, [10, 17, 24, 31]),
        ({"maximum_days": None, "decide": "daily"}, list(range(7, 36))),
        ({"maximum_days": None, "decide": "daily", "minimum_days": 0}, list(range(1, 36))),
        ({"maximum_days": None, "engine": "bayes_expected_loss"}, [10, 17, 24, 31]),
        (
            {"maximum_days": None, "engine": "bayes_expected_loss", "decide": "daily"},
            [10, 17, 24, 31],
        ),
        ({"maximum_days": None, "engine": "yeast"}, list(range(10, 36))),
        ({"maximum_days": None, "engine": "always_valid"}, list(range(10, 36))),
        ({"engine": "fixed"}, [31, 32, 33, 34, 35]),
    ],
    ids=str,
)
def test_success_is_judged_when_whole_weeks_of_entry_are_mature(
    changes: dict[str, Any], expected: list[int]
) -> None:
    # From day 31 on every look would be the last: a log takes one.
    assert judging(plan(**changes)) == expected


def test_harm_is_judged_with_success_and_before_the_minimum_of_days_at_an_end() -> None:
    for engine in ("group_sequential", "fixed", "bayes_expected_loss"):
        made = plan(engine=engine, maximum_days=None)
        assert [d for d in range(1, 32) if occasion(made, d, 1).judges_harm] == [10, 17, 24, 31]
    assert occasion(plan(), 5, 1, entry_stopped=True) == Occasion(
        judges_success=False, judges_harm=True, closing="stopped"
    )
    assert all(occasion(plan(engine="yeast"), day, 1).judges_harm for day in range(1, 10))


@pytest.mark.parametrize(
    ("day", "units", "stopped", "closing"),
    [
        (10, 27_999, False, None),
        (10, 28_000, False, "planned"),
        (11, 28_000, False, None),
        (30, 10, False, None),
        (31, 10, False, "days"),
        (31, 28_000, False, "planned"),
        (12, 10, True, "stopped"),
        (17, 28_000, True, "planned"),
        (31, 10, True, "days"),
    ],
)
def test_a_look_is_the_last_by_the_units_the_days_or_a_person(
    day: int, units: int, stopped: bool, closing: str | None
) -> None:
    found = occasion(plan(), day, units, entry_stopped=stopped)

    assert found.closing == closing
    assert found.spends_the_rest == (closing in ("planned", "days"))


def test_open_ended_plans_do_not_end_by_units_and_a_reserve_ends_at_twice() -> None:
    assert occasion(plan(engine="always_valid"), 10, 90_000).closing is None
    assert occasion(plan(engine="yeast"), 10, 28_000).closing == "planned"
    assert occasion(plan(reserve_alpha=0.01), 10, 55_999).closing is None
    assert occasion(plan(reserve_alpha=0.01), 10, 56_000).closing == "planned"
    assert occasion(plan(decide="daily"), 12, 28_000).closing == "planned"
    assert occasion(plan(decide="daily"), 6, 28_000).closing is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window_days": 0},
        {"maximum_days": None},
        {"minimum_days": 15},
        {"decide": "daily"},
        {"engine": "yeast"},
        {"engine": "always_valid", "maximum_days": None},
        {"engine": "fixed"},
        {"engine": "bayes_expected_loss"},
    ],
    ids=str,
)
def test_the_next_day_that_is_due_is_the_next_that_judges(changes: dict[str, Any]) -> None:
    made = plan(**changes)
    end = last_day(made) or 60

    for day in range(end):
        due = next_due(made, day)
        assert due is not None
        assert due > day
        assert occasion(made, due, 1).judges_success
        assert not any(occasion(made, d, 1).judges_success for d in range(day + 1, due))


def test_after_the_last_day_nothing_is_due() -> None:
    assert last_day(plan()) == 31
    assert next_due(plan(), 31) is None
    assert last_day(plan(maximum_days=None)) is None
    # Without an end of days a fixed horizon ends with the week in which its units have come.
    assert next_due(plan(engine="fixed", maximum_days=None), 3) == 10


def test_days_of_entry_are_those_whose_units_are_mature() -> None:
    assert [days_of_entry(plan(), day) for day in (1, 3, 4, 10)] == [0, 0, 1, 7]
    assert days_of_entry(plan(decide="daily"), 10) == 10


def test_the_days_ahead_are_judged_at_the_present_pace() -> None:
    ahead = days_ahead(plan(), 12, 9_000)

    assert [day for day, _ in ahead] == [17, 24, 31]
    assert [time for _, time in ahead] == pytest.approx([0.5, 0.75, 1.0])
    # Twice the pace ends it a fortnight earlier.
    assert [day for day, _ in days_ahead(plan(), 12, 18_000)] == [17]
    assert days_ahead(plan(), 3, 0) == ()
    assert days_ahead(plan(), 12, 0) == ()
    assert days_ahead(plan(), 31, 9_000) == ()
    open_ended = plan(engine="always_valid", maximum_days=None)
    assert days_ahead(open_ended, 12, 9_000)[-1][1] == pytest.approx(1.0)


def test_who_has_entered_matures_within_the_window_and_then_the_present_pace_counts() -> None:
    made = plan(decide="daily", maximum_days=None)

    # On day 12 1,500 of 10,500 wait for their window of 3 days; then 1,000 a day mature.
    ahead = days_ahead(made, 12, 9_000, entered=10_500, a_day=1_000.0)

    units = [28_000 * time for _, time in ahead[:5]]
    assert units == pytest.approx([9_500, 10_000, 10_500, 11_500, 12_500])
    assert days_ahead(made, 12, 9_000, entered=10_500, a_day=0.0) == ()


def test_every_look_ahead_has_new_information() -> None:
    """Visitors may leave the counts, or none may enter for as long as a window."""
    times = [time for _, time in days_ahead(plan(decide="daily"), 12, 9_000, a_day=0.001)]

    assert all(a < b for a, b in zip((9_000 / 28_000, *times), times, strict=False))


def test_a_forecast_looks_no_further_than_a_year_of_looks() -> None:
    slow = plan(decide="daily", maximum_days=None)

    assert len(days_ahead(slow, 12, 9)) == 366


def test_the_pace_is_that_of_the_units_that_are_mature() -> None:
    made = plan()

    # On day 12 those of 9 days are mature.
    assert pace(made, 12, 9_000) == pytest.approx(1_000)
    assert pace(made, 4, 700) == pytest.approx(700)
    assert pace(made, 4, 1) == pytest.approx(1)
    assert [pace(made, day, 700) for day in (1, 2, 3)] == [None, None, None]
    assert pace(made, 12, 0) is None


def test_what_lies_ahead_ends_with_the_plan_s_units() -> None:
    made = plan(maximum_days=None)

    # 1,000 a day: 28,000 are mature on day 31, the end of the fourth week of entry.
    ahead = days_ahead(made, 12, 9_000)
    assert [day for day, _ in ahead] == [17, 24, 31]
    assert [time for _, time in ahead] == pytest.approx([0.5, 0.75, 1.0])
    reserve = plan(maximum_days=None, reserve_alpha=0.01)
    assert [day for day, _ in days_ahead(reserve, 12, 9_000)][-1] == 59
    ((day, time),) = days_ahead(plan(engine="fixed"), 12, 9_000)
    assert (day, round(time, 9)) == (31, 1.0)


def test_the_next_day_that_is_due_after_long_windows_and_minimums() -> None:
    late = plan(maximum_days=None, minimum_days=15, window_days=30)

    # Three whole weeks of entry, of which the last is mature 30 days later.
    assert next_due(late, 0) == 51
    assert next_due(late, 51) == 58
    assert next_due(plan(maximum_days=None, window_days=0, minimum_days=0), 0) == 7
    assert next_due(plan(maximum_days=None, decide="daily", minimum_days=0), 0) == 1
    assert next_due(plan(decide="daily"), 30) == 31


def test_whatever_the_plan_a_judging_day_comes_within_a_week_of_the_minimum() -> None:
    for minimum in range(23):
        for window in (0, 1, 3, 7, 15):
            weekly = plan(maximum_days=None, minimum_days=minimum, window_days=window)
            weeks = range(max(7, 7 * math.ceil(minimum / 7)) + window, 90, 7)
            for day in range(45):
                assert next_due(weekly, day) == next(week for week in weeks if week > day)

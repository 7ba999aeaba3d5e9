"""The chance to win a campaign whose sealed days end it at half of its planned units, by hand."""

import json
import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from fairlift_stats.sequential.lines import give_up_lines, stopping_lines, with_drift
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.facts import Outlook
from fairlift_stats.verdict.outlook import date_of, outlook_of
from scipy.stats import norm

from tests.stats.verdict.standings import evidence, look, plan, standing

# 1,000 units a day of 56,000: 1/8 after a week and 1/2 at the end of the 28 days.
NOW, END = 0.125, 0.5
LEFT = END - NOW
LINE = float(norm.isf(0.025))


def slow(engine: str = "fixed", **changes: Any) -> SequentialPlan:
    return with_drift(plan(engine=engine, n_max=56_000, **changes))


def outlook(made: SequentialPlan, z: float, **more: Any) -> Outlook:
    found = outlook_of(made, (standing(made, 7, z, 7_000, **more),))
    assert found is not None
    return found


@pytest.mark.parametrize("z", [-0.5, 0.0, 0.8, 2.0])
def test_under_the_planned_effect_a_fixed_test_wins_by_its_end_or_not(z: float) -> None:
    made = slow()
    away = LINE * math.sqrt(END) - z * math.sqrt(NOW) - (made.drift or 0.0) * LEFT

    found = outlook(made, z)

    assert found.conditional_power == pytest.approx(norm.sf(away / math.sqrt(LEFT)), abs=1e-6)
    assert found.end == "2026-11-29"


@pytest.mark.parametrize("z", [-0.5, 0.0, 0.8, 2.0])
@pytest.mark.parametrize(
    ("control", "prior"), [(0.03, 0.03), (1.0, 0.03), (-1.0, 0.03), (0.0, 0.03), (0.03, None)]
)
def test_given_the_data_the_chance_is_averaged_over_the_shrunk_effect(
    z: float, control: float, prior: float | None
) -> None:
    """The increment to the end is normal: mean m d, variance d + s^2 d^2, for a drift N(m, s^2)."""
    se = 0.03 * abs(control) or 0.001
    made = replace(slow(), prior_sd=prior)
    # A lift of .03, on the scale of the drift, is .03 c/(se sqrt(t)); without a share it is flat.
    is_flat = control == 0 or prior is None
    precision = 0.0 if is_flat else (0.03 * abs(control) / (se * math.sqrt(NOW))) ** -2
    mean, variance = z * math.sqrt(NOW) / (NOW + precision), 1 / (NOW + precision)
    away = LINE * math.sqrt(END) - z * math.sqrt(NOW) - mean * LEFT

    found = outlook(made, z, control=control, se=se)

    expected = norm.sf(away / math.sqrt(LEFT + variance * LEFT**2))
    assert found.predictive_power == pytest.approx(expected, abs=2e-4)


def test_the_last_of_the_sealed_days_decides_one_way_or_the_other() -> None:
    made = slow("group_sequential")
    times = (NOW, 0.25, 0.375, END)

    # At the end both lines meet, so that by then a decision is certain.
    assert give_up_lines(made, times, closes=True)[-1] == pytest.approx(
        stopping_lines(made, times, closes=True).upper[-1], abs=1e-6
    )
    found = outlook(made, 1.4)
    assert None not in found.days
    assert found.days[2] == "2026-11-29"


def test_without_a_z_there_is_nothing_to_forecast_from() -> None:
    made = slow()
    seen = standing(made, 7, 1.0, 7_000)

    assert outlook_of(made, (replace(seen, z=None),)) is None
    assert outlook_of(made, (seen,)) is not None


def test_days_that_are_left_are_those_to_the_median() -> None:
    made = with_drift(plan(decide="daily", n_max=28_000))
    found = outlook(made, 2.2)

    assert found.days_left is not None
    assert len(set(found.days)) == 3
    # The look is of November 8.
    assert found.days[1] == (date(2026, 11, 8) + timedelta(found.days_left)).isoformat()


def test_a_date_beyond_a_century_is_told_as_a_century() -> None:
    last = (date(2026, 11, 8) + timedelta(36_500)).isoformat()

    assert [date_of("2026-11-08", days) for days in (0, 36_500, 36_501, 10**9)] == [
        "2026-11-08", last, last, last,
    ]  # fmt: skip


def test_what_is_decided_needs_no_forecast() -> None:
    made = slow()
    won = plan()
    log = LookLog.begin(won)
    decided = decide(won, log.add(won, look(won, 7, evidence(6.0, 7_000))))
    slow_log = LookLog.begin(made)
    open_ = decide(made, slow_log.add(made, look(made, 7, evidence(1.0, 7_000))))

    assert (decided.kind, decided.facts.outlook) == ("ship", None)
    assert open_.facts.outlook is not None


def test_the_json_of_a_verdict_is_canonical() -> None:
    made = plan()
    verdict = decide(made, LookLog.begin(made).add(made, look(made, 7, evidence(1.0, 7_000))))

    text = verdict.to_json()

    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text

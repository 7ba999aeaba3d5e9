"""The decision against its promises, in short; `make calibrate` runs the same at length."""

import numpy as np
import pytest
from scipy import stats

from tests.simulation.campaigns import CONVERSION, Setup
from tests.simulation.decision_costs import (
    WEEKDAYS,
    courses,
    dead_checkout,
    planned_a_day,
    planned_setup,
    power_without_advice,
    shop,
)
from tests.simulation.decision_errors import late_buyers, of_kind, reversals, verdicts
from tests.simulation.decision_guardrails import Scene, shares
from tests.simulation.decision_lifts import TICKET, judged_daily, printed
from tests.simulation.decision_quantiles import ORDERS, answered
from tests.simulation.independent import crossing, upper_lines
from tests.simulation.shops import Shop
from tests.simulation.tables import Share


def bounds(rate: float, runs: int) -> tuple[float, float]:
    """Where a share lies in all but one of a thousand simulations, if this is the rate."""
    low, high = stats.binom.interval(0.999, runs, rate)
    return low / runs, high / runs


@pytest.mark.parametrize(("lift", "units"), [(0.0, 10_000), (1.0, 4_000), (-0.3, 10_000)])
def test_lifts_as_printed_hold_at_the_rate_that_is_promised(lift: float, units: int) -> None:
    runs = 60
    scene = Shop.steady(0.03, lift, a_day=units // 14, days=14)
    result = printed(
        judged_daily(CONVERSION, units), scene.conversions, lift, runs, np.random.default_rng(41)
    )

    assert result.without == 0
    low, _ = bounds(0.95, runs)
    assert result.every_look.value >= low
    assert result.at_stop.value >= low
    least, most = bounds(0.5, runs)
    assert least <= result.below.value <= most


def test_the_printed_lift_of_a_ticket_holds() -> None:
    runs = 60
    scene = Shop.steady(0.03, 0.0, a_day=714, days=14, ticket_lifts=(0.5,))
    result = printed(
        judged_daily(TICKET, 10_000), scene.orders, 0.5, runs, np.random.default_rng(48)
    )

    assert result.every_look.value >= bounds(0.95, runs)[0]
    assert result.at_stop.value >= bounds(0.95, runs)[0]


def test_the_second_opinion_agrees_with_a_published_design() -> None:
    # gsDesign's default: one-sided 2.5 %, HSD(-4), three equal looks.
    lines = upper_lines(0.025, (1 / 3, 2 / 3, 1.0))

    assert lines == pytest.approx((3.01, 2.55, 2.00), abs=0.005)
    assert crossing(lines, (1 / 3, 2 / 3, 1.0), 0.0) == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize(
    ("scene", "expected"),
    # Without a difference: power of the safe line at a drift of 3.29 / sqrt((1 + 0.9^2) / 2), as
    # 10 % of the control is allowed for; by scipy's multivariate normal, at four equal looks.
    [(Scene(((1.0,),)), 0.05), (Scene(((0.0,),)), 0.963), (Scene(((1.0,), (1.0,))), 0.095)],
    ids=["at the margin", "no difference", "two treatments at the margin"],
)
def test_guardrails_ship_as_often_as_calculated_elsewhere(scene: Scene, expected: float) -> None:
    runs = 120
    ship, _ = shares(scene.verdicts(runs, np.random.default_rng(42)))

    low, high = bounds(expected, runs)
    assert low <= ship.value <= high


def test_guardrails_beyond_their_margin_ship_nothing_and_raise_the_alarm() -> None:
    ship, harm = shares(Scene(((2.0,),)).verdicts(60, np.random.default_rng(43)))
    _, inside = shares(Scene(((0.5,),)).verdicts(60, np.random.default_rng(44)))

    assert ship.value <= 0.01
    assert harm.value >= bounds(0.86, 60)[0]
    # .005 by an independent simulation of the rule: a loss inside the margin is no harm.
    assert inside.value <= bounds(0.005, 60)[1]


def test_nothing_is_shipped_or_stopped_more_often_than_promised() -> None:
    runs = 150
    scene = Shop.steady(0.03, 0.0, a_day=500, window_days=3)
    ended = verdicts(Setup.of(CONVERSION, window_days=3), scene.conversions, runs, 45)

    assert of_kind(ended, "ship").value <= bounds(0.025, runs)[1]
    assert of_kind(ended, "stop_harm").value <= bounds(0.025, runs)[1]
    assert {v.kind for v in ended} <= {"ship", "stop_harm", "stop_futile", "inconclusive"}


def test_the_planned_effect_is_found_as_often_as_the_plan_says() -> None:
    runs = 100
    ended = courses(planned_setup("weekly"), shop(0.1, planned_a_day()).conversions, runs, 49)

    low, high = bounds(power_without_advice(), runs)
    assert low <= Share.of(c.kind == "ship" for c in ended).value <= high


def test_an_effect_of_weekdays_is_not_shipped_by_whole_weeks() -> None:
    runs = 100
    scene = Shop(0.03, (WEEKDAYS,), (14_286, 14_286), window_days=3)
    setup = Setup.of(CONVERSION, n_max=800_000, window_days=3)
    ended = verdicts(setup, scene.conversions, runs, 46)

    assert of_kind(ended, "ship").value <= bounds(0.026, runs)[1]


def test_a_dead_checkout_is_stopped_within_days() -> None:
    # Fifteen buyers a day in the control and none in the treatment: two days say enough.
    assert max(dead_checkout("weekly", 10, 50)) <= 4


def test_buyers_who_only_come_sooner_are_an_effect_within_the_window() -> None:
    setup = Setup.of(CONVERSION, window_days=3)
    same = verdicts(setup, lambda rng: late_buyers((4.0, 4.0), rng), 40, 51)
    hurried = verdicts(setup, lambda rng: late_buyers((4.0, 1.0), rng), 10, 52)

    assert of_kind(same, "ship").value <= bounds(0.025, 40)[1]
    assert of_kind(hurried, "ship").value == 1


def test_no_decision_is_ever_taken_back() -> None:
    setup = Setup.of(CONVERSION, window_days=3)
    better = Shop.steady(0.1, 0.3, a_day=500, window_days=3)
    worse = Shop.steady(0.03, -0.3, a_day=500, window_days=3)

    assert reversals(setup, better.conversions, 8, 47) == (8, 0)
    assert reversals(setup, worse.conversions, 8, 47)[1] == 0


def test_a_quantile_is_seldom_wrong_on_few_prices_and_on_many() -> None:
    _, wrong = answered(ORDERS["four prices"], 0.5, 8_000, 400, 53)
    spoken, alarms = answered(ORDERS["lognormal, to the cent"], 0.5, 800, 400, 54)

    # Half of the orders cost 19.99 or less: the median lies between two prices.
    assert wrong is not None
    assert wrong.value <= bounds(0.05, wrong.runs)[1]
    assert spoken.value == 0
    assert alarms is not None
    assert alarms.value <= bounds(0.05, 400)[1]

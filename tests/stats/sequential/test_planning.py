import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fairlift_stats.design.aa_replay import History, replay
from fairlift_stats.design.planning import Baseline, horizons, plan_for, price_of
from fairlift_stats.locale import text
from fairlift_stats.methods.one_rate import clopper_pearson
from fairlift_stats.sequential.errors import BadPlan, NotANumber, ZeroVariance
from fairlift_stats.sequential.group_sequential.boundaries import exit_probabilities
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times
from fairlift_stats.sequential.lines import stopping_lines
from fairlift_stats.sequential.plan import SequentialMetric
from fairlift_stats.sequential.sealed_plan import fingerprint

from tests.stats.sequential.shop import plan

RATE = Baseline.of_rate(0.03)
TICKETS = SequentialMetric("revenue_per_visitor", unit="money", needs="orders")


def test_more_weeks_find_smaller_lifts() -> None:
    found = horizons(plan(), RATE, [20_000.0] * 4)

    assert [h.weeks for h in found] == [1, 2, 3, 4]
    assert [h.n_max for h in found] == [20_000, 40_000, 60_000, 80_000]
    assert all(a.mde > b.mde for a, b in pairwise(found))
    # Twice the units, a root of two less; a few daily looks more cost next to nothing.
    assert found[1].mde / found[3].mde == pytest.approx(math.sqrt(2), rel=0.01)
    assert all(h.mde > h.mde_fixed for h in found)


def test_the_fixed_lift_is_the_textbooks() -> None:
    found = horizons(plan(), RATE, [20_000.0])[0]

    expected = (1.959964 + 0.841621) * math.sqrt(2 * 0.03 * 0.97 / 10_000) / 0.03
    assert found.mde_fixed == pytest.approx(expected, rel=1e-5)


def test_the_planned_lift_is_found_with_the_planned_power() -> None:
    made = plan_for(plan(futility=None), RATE, [20_000.0] * 2)
    lift = made.horizon.mde * 0.03
    drift = lift / math.sqrt(2 * 0.03 * 0.97 / 20_000)

    won = exit_probabilities(stopping_lines(made.plan, made.plan.looks), [drift]).power[0]

    assert won == pytest.approx(0.8, abs=1e-6)


def test_covariates_and_even_splits_find_smaller_lifts() -> None:
    plain = plan_for(plan(), RATE, [20_000.0]).horizon.mde
    adjusted = plan_for(plan(), replace(RATE, correlation=0.6), [20_000.0]).horizon.mde
    uneven = plan_for(plan(shares=(0.9, 0.1)), RATE, [20_000.0]).horizon.mde

    assert adjusted == pytest.approx(0.8 * plain)
    assert uneven == pytest.approx(plain * math.sqrt((1 / 0.9 + 1 / 0.1) / 4))


def test_looks_follow_the_traffic_of_each_week() -> None:
    made = plan_for(plan(), RATE, [30_000.0, 10_000.0], looks_per_week=2).plan

    assert made.looks == pytest.approx((0.375, 0.75, 0.875, 1.0))
    assert made.n_max == 40_000
    assert made.drift is not None


def test_peeking_has_its_price_in_words() -> None:
    made = plan_for(plan(futility=None), RATE, [20_000.0] * 2)

    assert made.price.looks == 14
    assert made.price.naive == pytest.approx(0.2196, abs=1e-4)
    # Success .025, harm .024 of its .025: the rest is spent daily, on catastrophes.
    assert made.price.plan == pytest.approx(0.049, abs=1e-5)
    assert made.price.extra == pytest.approx(0.039, abs=0.001)
    assert "would give 22 false alarms" in text(made.price.message)
    assert "22 din 100" in text(made.price.message, "ro")
    assert "22 falsas alarmas" in text(made.price.message, "es")


def test_giving_up_early_saves_half_without_an_effect() -> None:
    price = price_of(plan(looks=equal_times(14)))

    assert price.mean_size_null == pytest.approx(0.52, abs=0.01)
    assert price.mean_size_effect < 0.8
    assert price.extra == pytest.approx(0.144, abs=0.002)


def test_a_plan_comes_with_its_lines_and_its_hash() -> None:
    made = plan_for(plan(), RATE, [20_000.0])

    assert len(made.lines) == 7
    assert made.fingerprint == fingerprint(made.plan)
    assert made.lines[-1].success == made.lines[-1].give_up


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: Baseline(0.0, 1.0), NotANumber),
        (lambda: Baseline(1.0, 0.0), ZeroVariance),
        (lambda: Baseline(1.0, 1.0, correlation=1.0), NotANumber),
        (lambda: Baseline.of_rate(0.0), NotANumber),
        (lambda: plan_for(plan(), RATE, []), BadPlan),
        (lambda: plan_for(plan(), RATE, [0.0]), BadPlan),
        (lambda: plan_for(plan(), RATE, [10.0], looks_per_week=0), BadPlan),
    ],
)
def test_what_cannot_be_planned_is_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()  # type: ignore[operator]


def history(seed: int, *, units: int = 12_000, cap: float | None = None) -> History:
    rng = np.random.default_rng(seed)
    bought = rng.random(units) < 0.06
    value = np.where(bought, rng.lognormal(3.0, 1.0, units), 0.0)
    return History(rng.integers(0, 14, units), value, cap=cap)


def test_shuffled_orders_raise_no_more_alarms_than_planned() -> None:
    found = replay(history(1), plan(metrics=(TICKETS,)), rng=np.random.default_rng(2), runs=400)

    assert found.alarms.interval.low <= 0.05
    assert found.naive.interval.low > 0.05
    assert 0.95 in found.coverage.interval
    assert found.sequence_coverage.share == 1 - found.alarms.share
    assert found.winners.times + found.losers.times == found.alarms.times
    assert found.distance_p > 0.001
    assert found.p_values.shape == (400,)


def test_an_uneven_split_of_uncapped_tickets_is_caught_and_the_guard_helps() -> None:
    made = plan(metrics=(TICKETS,), shares=(0.9, 0.1))
    units = 30_000

    raw = replay(history(3, units=units), made, rng=np.random.default_rng(4), runs=300)
    tamed = replay(history(3, units=units, cap=200.0), made, rng=np.random.default_rng(4), runs=300)

    assert raw.losers.times > tamed.losers.times
    assert tamed.losers.interval.low < 0.035


def test_a_ratio_and_several_arms_are_replayed_too() -> None:
    base = history(5)
    orders = (base.value > 0).astype(float)
    ratio = History(base.day, base.value, denominator=orders)
    made = plan(metrics=(TICKETS,), arms=("control", "a", "b"))

    found = replay(ratio, made, rng=np.random.default_rng(6), runs=100)

    assert found.alarms.interval.low <= 0.05


@pytest.mark.parametrize("needs", ["converters", "nothing"])
def test_a_replay_counts_what_the_metric_needs(needs: str) -> None:
    metric = SequentialMetric("conversion_rate", needs=needs)  # type: ignore[arg-type]

    found = replay(
        history(7, units=2000), plan(metrics=(metric,)), rng=np.random.default_rng(8), runs=50
    )

    assert found.alarms.runs == 50


def test_the_binomial_bounds_have_ends() -> None:
    assert clopper_pearson(0, 10).low == 0.0
    assert clopper_pearson(10, 10).high == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: History(np.array([0]), np.array([1.0])),
        lambda: History(np.array([0, 1]), np.array([1.0])),
        lambda: History(np.array([0, -1]), np.array([1.0, 2.0])),
        lambda: History(np.array([0, 1]), np.array([1.0, math.nan])),
        lambda: History(np.array([0, 1]), np.array([1.0, 2.0]), denominator=np.array([1.0])),
        lambda: replay(history(1), plan(), rng=np.random.default_rng(1), runs=0),
        lambda: replay(
            history(1), plan(engine="bayes_expected_loss"), rng=np.random.default_rng(1)
        ),
    ],
)
def test_a_history_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises((NotANumber, BadPlan)):
        wrong()  # type: ignore[operator]

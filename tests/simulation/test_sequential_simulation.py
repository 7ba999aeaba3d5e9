import math
from pathlib import Path

import numpy as np
import pytest
from fairlift_stats.methods.one_rate import clopper_pearson
from fairlift_stats.sequential.anytime.mixture import mixture_line, yeast_line
from fairlift_stats.sequential.group_sequential.boundaries import spending_boundaries
from fairlift_stats.sequential.group_sequential.characteristics import characteristics
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times, type_one
from fairlift_stats.sequential.group_sequential.futility import futility_design
from fairlift_stats.sequential.group_sequential.spending import Side, Spending

from tests.simulation import sequential
from tests.simulation.sequential_bandits import coverage
from tests.simulation.sequential_shops import (
    Loyal,
    Shop,
    conversions,
    guarded,
    revenue_z,
    side_errors,
    splits,
)
from tests.simulation.sequential_walks import (
    FIXED_DRIFT,
    OBF,
    curved,
    level_lines,
    many_arms,
    overrun,
    play,
    rules,
    spent,
)

# Exact: false alarms, power, mean size at the effect and at twice it, maximum size for 80 % power.
# By the recursion of Armitage, McPherson and Rowe (1969), computed independently before the
# library was written; gsDesign and rpact agree where they can.
TABLE = {
    "naive daily peeking": (0.2196, 0.871, 0.471, 0.181, None),
    "Bonferroni over looks": (0.0219, 0.545, 0.773, 0.320, 1.620),
    "GST LD-OBF": (0.0500, 0.783, 0.764, 0.432, 1.042),
    "GST HSD(-4)": (0.0500, 0.785, 0.755, 0.370, 1.039),
    "GST power 3": (0.0500, 0.780, 0.745, 0.377, 1.050),
    "GST power 2": (0.0500, 0.766, 0.717, 0.336, 1.087),
    "GST LD-Pocock": (0.0500, 0.697, 0.685, 0.278, 1.258),
    "YEAST": (0.0351, 0.739, 0.793, 0.450, 1.151),
    "mixture, N*=N": (0.0099, 0.484, 0.826, 0.378, 1.759),
    "mixture, N*=N/5": (0.0129, 0.453, 0.817, 0.348, 1.850),
    "mixture, N*=N/20": (0.0095, 0.382, 0.849, 0.370, 2.041),
    "fixed": (0.0500, 0.800, 1.000, 1.000, 1.0),
}


def within(share: float, runs: int, expected: float) -> bool:
    """True when the expected probability lies within the 99.9 % bounds of what was seen."""
    bounds = clopper_pearson(round(share * runs), runs, confidence=0.999)
    return bounds.low <= expected <= bounds.high


@pytest.mark.parametrize("rule", TABLE)
def test_rules_behave_as_the_table_says_exactly_and_by_simulation(rule: str) -> None:
    found, runs = rules(14)[rule], 10_000
    alarms, power, size, double, inflation = TABLE[rule]
    rng = np.random.default_rng(1)

    exact = characteristics(found)

    assert exact.type_one == pytest.approx(alarms, abs=0.002)
    assert exact.power == pytest.approx(power, abs=0.002)
    assert exact.mean_size == pytest.approx(size, abs=0.002)
    assert exact.mean_size_double == pytest.approx(double, abs=0.002)
    assert inflation is None or exact.inflation == pytest.approx(inflation, abs=0.002)
    assert within(play(found, 0.0, runs, rng).alarms, runs, exact.type_one)
    assert within(play(found, FIXED_DRIFT, runs, rng).wins, runs, exact.power)


def test_always_valid_rules_hold_at_two_thousand_looks_and_naive_ones_do_not() -> None:
    rng, runs, looks = np.random.default_rng(2), 2500, 2000

    naive = play(level_lines(looks, 1.959964), 0.0, runs, rng).alarms
    mixture = play(curved(looks, lambda t: mixture_line(20 * t)), 0.0, runs, rng).alarms
    yeast = play(curved(looks, yeast_line), 0.0, runs, rng).alarms

    assert within(naive, runs, 0.573)
    assert within(mixture, runs, 0.0346)
    assert within(yeast, runs, 0.0491)


@pytest.mark.parametrize(
    ("success", "give_up", "expected"),
    [
        (OBF, Spending("hsd", -2.0), (1.142, 0.522, 0.239, 0.770)),
        (OBF, OBF, (1.211, 0.530, 0.291, 0.789)),
        (Spending("power", 2.0), Spending("hsd", -2.0), (1.180, 0.528, 0.242, 0.724)),
    ],
)
def test_giving_up_saves_what_the_table_says(
    success: Spending, give_up: Spending, expected: tuple[float, ...]
) -> None:
    found = futility_design(
        equal_times(14), success=Side(success, 0.025), give_up=Side(give_up, 0.2)
    )

    sizes = [found.mean_size(share) for share in (0.0, -1.0, 1.0)]

    assert [found.inflation, *sizes] == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(("looks", "expected"), [(5, 0.0776), (14, 0.0858), (28, 0.0865)])
def test_playing_on_after_the_end_costs_honesty(looks: int, expected: float) -> None:
    assert type_one(overrun(looks)) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(("arms", "shared", "alone"), [(2, 0.0459, 0.091), (5, 0.0425, 0.184)])
def test_alpha_shared_over_arms_holds_for_all_of_them(
    arms: int, shared: float, alone: float
) -> None:
    rng, runs = np.random.default_rng(3), 10_000

    assert within(many_arms(arms, runs, rng, shared=True), runs, shared)
    assert within(many_arms(arms, runs, rng, shared=False), runs, alone)


def test_the_guard_tames_skewed_tickets_in_an_uneven_split() -> None:
    rng, runs = np.random.default_rng(4), 1000
    found = spent(OBF, 28)

    raw = side_errors(revenue_z(Shop(0.1, 1.5), runs, rng)[0], found)
    tamed = side_errors(guarded(*revenue_z(Shop(0.1, 1.5, cap=0.99), runs, rng)), found)

    assert within(raw[1], runs, 0.127)
    assert all(
        clopper_pearson(round(side * runs), runs, confidence=0.99).low < 0.035 for side in tamed
    )


@pytest.mark.parametrize(("a_day", "wave"), [(60, 0.0), (60, 0.5), (1, 0.0)])
def test_the_exact_conversion_test_holds_at_any_rate_and_rhythm(a_day: int, wave: float) -> None:
    rng, runs = np.random.default_rng(5), 10_000

    largest = conversions(a_day, 0.0, runs, rng, wave=wave).max(axis=1)
    alarms = float((largest >= math.log(20)).mean())

    assert 0.004 < alarms < 0.02


def test_the_exact_conversion_test_finds_a_fifth_more() -> None:
    rng, runs = np.random.default_rng(6), 4000

    found = float((conversions(60, 0.2, runs, rng).max(axis=1) >= math.log(20)).mean())

    assert within(found, runs, 0.851)


def test_the_split_check_finds_one_in_a_hundred_and_stays_calm_otherwise() -> None:
    rng, runs = np.random.default_rng(7), 4000
    calm = splits(0.5, 1000, runs, rng).max(axis=1)
    broken = splits(0.51, 1000, runs, rng).max(axis=1)

    assert within(float((calm >= math.log(20)).mean()), runs, 0.018)
    assert within(float((broken >= math.log(20)).mean()), runs, 0.96)
    assert within(float((broken >= math.log(100)).mean()), runs, 0.89)


def test_a_window_per_visitor_mends_what_an_open_metric_breaks() -> None:
    rng, runs, side = np.random.default_rng(8), 1500, Side(OBF, 0.025)
    alarms = {}
    for window in (None, 7):
        scene = Loyal(window, burst=True)
        found = spending_boundaries(scene.times()[0], upper=side, lower=side)
        alarms[window] = sum(side_errors(scene.z(runs, rng), found))

    assert not within(alarms[None], runs, 0.05)
    assert within(alarms[7], runs, 0.05)


def test_only_intervals_by_day_hold_under_a_bandit() -> None:
    runs = 1500
    found = coverage(0.01, runs, np.random.default_rng(9))

    assert not within(found.pooled, runs, 0.95)
    assert within(found.batched, runs, 0.95)
    assert found.sequence > 0.98


def test_quick_sections_of_the_calibration_page_can_be_written(tmp_path: Path) -> None:
    for name in ("Futility stopping", "Looking after the planned end"):
        page = sequential.SECTIONS[name](tmp_path)

        assert page.count("|") > 10

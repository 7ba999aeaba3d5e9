import math

import numpy as np
import pytest
from fairlift_stats.sequential.errors import (
    BadLevel,
    BadPlan,
    InformationFell,
    NoAnswer,
    NotANumber,
    SequentialError,
)
from fairlift_stats.sequential.group_sequential.boundaries import (
    Boundaries,
    exit_probabilities,
    spending_boundaries,
)
from fairlift_stats.sequential.group_sequential.characteristics import (
    characteristics,
    drift_for_power,
    fixed_drift,
)
from fairlift_stats.sequential.group_sequential.classical_lines import (
    equal_times,
    haybittle_peto,
    lines,
    type_one,
    wang_tsiatis,
)
from fairlift_stats.sequential.group_sequential.futility import futility_design, futility_lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.numerics.recursion import begin, bound_for
from fairlift_stats.sequential.numerics.roots import root
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from tests.stats.sequential.strategies import levels, spendings, times

INF = math.inf


@settings(max_examples=40, deadline=None)
@given(spending=spendings, level=levels, at=times)
def test_looks_of_any_spacing_spend_exactly_the_error(
    spending: Spending, level: float, at: tuple[float, ...]
) -> None:
    side = Side(spending, level / 2)

    both = spending_boundaries(at, upper=side, lower=side)
    one = spending_boundaries(at, upper=side, lower=None)

    assert type_one(both) == pytest.approx(level, rel=1e-8)
    assert type_one(one) == pytest.approx(level / 2, rel=1e-8)


@settings(max_examples=20, deadline=None)
@given(spending=spendings, at=times, extra=st.floats(0.02, 0.98))
def test_an_unplanned_look_keeps_the_error_and_every_earlier_line(
    spending: Spending, at: tuple[float, ...], extra: float
) -> None:
    side = Side(spending, 0.025)
    more = tuple(sorted({*at, extra}))

    planned = spending_boundaries(at, upper=side, lower=side)
    looked = spending_boundaries(more, upper=side, lower=side)

    assert type_one(looked) == pytest.approx(0.05, rel=1e-7)
    before = sum(t < extra for t in at)
    assert looked.upper[:before] == planned.upper[:before]


def test_two_looks_agree_with_plain_quadrature() -> None:
    side = Side(Spending("lan_demets_pocock"), 0.025)
    first = float(norm.isf(side.spent(0.4)))

    def tail(c: float) -> float:
        def integrand(x: float) -> float:
            far = norm.sf((c - x) / math.sqrt(0.6))
            return float(norm.pdf(x, scale=math.sqrt(0.4)) * far)

        return quad(integrand, -6, first * math.sqrt(0.4), epsabs=1e-13)[0]

    second = brentq(lambda c: tail(c) - (0.025 - side.spent(0.4)), 1, 4, xtol=1e-12)

    got = spending_boundaries([0.4, 1.0], upper=side, lower=None).upper

    assert got == pytest.approx([first, second], abs=1e-9)


def test_harm_may_be_spent_another_way_than_success() -> None:
    success, harm = Side(Spending("hsd", -4.0), 0.025), Side(Spending("lan_demets_pocock"), 0.025)

    found = spending_boundaries(equal_times(14), upper=success, lower=harm)
    exits = exit_probabilities(found, [0.0])

    assert -found.lower[0] < found.upper[0]
    assert exits.up.sum() == pytest.approx(0.025, abs=1e-10)
    assert exits.down.sum() == pytest.approx(0.025, abs=1e-10)


def test_a_hundred_daily_looks_with_next_to_no_early_spending_are_stable() -> None:
    side = Side(Spending("lan_demets_obf"), 0.025)

    found = spending_boundaries(equal_times(100), upper=side, lower=side)

    assert type_one(found) == pytest.approx(0.05, abs=1e-9)
    assert all(a > b for a, b in zip(found.upper, found.upper[1:], strict=False))
    assert found.upper[0] == pytest.approx(-norm.ppf(side.spent(0.01)), rel=1e-9)


def test_a_look_that_adds_nothing_gets_no_line() -> None:
    side = Side(Spending("hsd", -4.0), 0.025)

    found = spending_boundaries([0.5, 0.50001, 1.0, 1.0 + 1e-9], upper=side, lower=side)

    assert found.upper[1] == found.upper[3] == INF
    assert type_one(found) == pytest.approx(0.05, abs=1e-8)


def test_what_is_left_is_spent_by_the_look_that_overruns_the_end() -> None:
    side = Side(Spending("lan_demets_obf"), 0.025)

    found = spending_boundaries([0.5, 1.07], upper=side, lower=side)

    assert type_one(found) == pytest.approx(0.05, abs=1e-9)


def test_a_drift_is_answered_by_the_walk_without_one() -> None:
    rng = np.random.default_rng(4)
    at, drift, runs = np.array(equal_times(5)), 1.7, 200_000
    steps = rng.normal(drift * 0.2, math.sqrt(0.2), (runs, 5))
    z = steps.cumsum(axis=1) / np.sqrt(at)
    found = wang_tsiatis(equal_times(5), alpha=0.05, sides=2, delta=0.25)
    crossed = np.abs(z) >= np.array(found.upper)
    first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), -1)
    won = z[np.arange(runs), first] > 0

    exits = exit_probabilities(found, [drift])

    for look in range(5):
        share = float(((first == look) & won).mean())
        expected = float(exits.up[0, look])
        assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / runs)


def test_exits_and_those_who_stay_are_everybody() -> None:
    found = lines(equal_times(3), (2.0, 2.0, 0.0), sides=2)

    exits = exit_probabilities(found, [-2.0, 0.0, 2.0])

    assert exits.error == pytest.approx([1, 1, 1])
    assert exits.up[0] == pytest.approx(exits.down[2])


def test_tails_down_to_the_smallest_number_have_a_line() -> None:
    stage = begin(0.25)

    assert bound_for(stage, 1e-300) == pytest.approx(-norm.ppf(1e-300), rel=1e-9)
    assert bound_for(stage, 0.0) == INF
    assert bound_for(stage, 1.0) == -INF
    assert bound_for(stage, 0.9) == pytest.approx(-norm.ppf(0.9))
    assert bound_for(stage, 0.9999999999) == pytest.approx(-norm.ppf(0.9999999999), rel=1e-5)


def test_one_look_is_the_fixed_test() -> None:
    side = Side(Spending("hsd", -4.0), 0.025)

    found = characteristics(spending_boundaries([1.0], upper=side, lower=side))

    assert found.inflation == pytest.approx(1, abs=1e-8)
    assert found.power == pytest.approx(0.8, abs=1e-8)


def test_pocock_stays_level_and_obrien_fleming_falls() -> None:
    pocock = wang_tsiatis(equal_times(4), alpha=0.05, sides=2, delta=0.5).upper
    fleming = wang_tsiatis(equal_times(4), alpha=0.05, sides=2, delta=0.0).upper

    assert max(pocock) == min(pocock)
    assert fleming[0] == pytest.approx(2 * fleming[-1])


def test_a_last_look_alone_is_haybittle_petos_limit() -> None:
    assert haybittle_peto((1.0,), alpha=0.05, sides=2).upper[-1] == pytest.approx(1.959964)
    with pytest.raises(BadPlan, match="early looks alone"):
        haybittle_peto(equal_times(5), alpha=0.05, sides=2, interim=1.0)


def test_futility_saves_half_and_keeps_the_error() -> None:
    success, give_up = Side(Spending("lan_demets_obf"), 0.025), Side(Spending("hsd", -2.0), 0.2)

    free = futility_design(equal_times(14), success=success, give_up=give_up)
    bound = futility_design(equal_times(14), success=success, give_up=give_up, binding=True)

    assert free.mean_size(0.0) == pytest.approx(0.522, abs=0.002)
    assert free.inflation == pytest.approx(1.142, abs=0.002)
    assert bound.inflation < free.inflation
    power = exit_probabilities(free.boundaries, [free.drift]).power[0]
    assert power == pytest.approx(0.8, abs=1e-7)
    # Binding spends the whole alpha with the lower line in force; non-binding ignores it.
    assert exit_probabilities(bound.boundaries, [0.0]).power[0] == pytest.approx(0.025, abs=1e-8)
    assert exit_probabilities(free.boundaries, [0.0]).power[0] < 0.0225


def test_a_running_test_sees_the_lines_of_its_design() -> None:
    success, give_up = Side(Spending("hsd", -4.0), 0.025), Side(Spending("hsd", -2.0), 0.2)
    design = futility_design(equal_times(7), success=success, give_up=give_up)

    so_far = futility_lines(
        equal_times(7)[:3], drift=design.drift, success=success, give_up=give_up, closes=False
    )

    assert so_far.lower == pytest.approx(design.boundaries.lower[:3], abs=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Spending("hsd"),
        lambda: Spending("hsd", math.nan),
        lambda: Spending("power", 0.0),
        lambda: Spending("power", -1.0),
        lambda: Spending("lan_demets_obf", 1.0),
        lambda: Spending("guess"),  # type: ignore[arg-type]
        lambda: Spending("lan_demets_obf").spent(0.0, 0.5),
        lambda: Side(Spending("lan_demets_obf"), 1.0),
        lambda: Side(Spending("lan_demets_obf"), math.nan),
        lambda: equal_times(0),
        lambda: lines((0.5, 1.0), (2.0, 2.0), sides=3),
        lambda: wang_tsiatis((1.0,), alpha=0.0, sides=2, delta=0.0),
        lambda: haybittle_peto((1.0,), alpha=1.0, sides=2),
        lambda: fixed_drift(alpha=0.05, sides=2, power=1.0),
        lambda: drift_for_power(lines((1.0,), (2.0,), sides=2), 0.0),
        lambda: Boundaries((0.5, 1.0), (-INF,), (2.0, 2.0)),
        lambda: Boundaries((1.0,), (-INF,), (math.nan,)),
        lambda: futility_design(
            (1.0,),
            success=Side(Spending("hsd", -4.0), 0.3),
            give_up=Side(Spending("hsd", -2.0), 0.8),
        ),
    ],
)
def test_what_is_no_design_is_refused(wrong: object) -> None:
    with pytest.raises(SequentialError, match=r"\w+: .*(is|are|needs|takes|must)"):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("at", [(0.5, 0.5), (0.6, 0.5), (0.0, 1.0), (math.nan,), (INF,)])
def test_information_that_does_not_rise_is_refused(at: tuple[float, ...]) -> None:
    with pytest.raises(InformationFell, match="must be positive and rise"):
        spending_boundaries(at, upper=Side(Spending("hsd", -4.0), 0.025), lower=None)


def test_spending_is_bounded_by_its_level() -> None:
    linear = Spending("hsd", 0.0)

    assert linear.spent(0.05, 0.5) == 0.025
    assert linear.spent(0.05, -0.1) == 0
    assert linear.spent(0.05, 1.3) == 0.05
    assert Spending("at_the_end").spent(0.05, 0.999) == 0
    with pytest.raises(BadLevel):
        linear.spent(math.nan, 0.5)


def test_a_power_beyond_reach_is_said() -> None:
    with pytest.raises(NoAnswer, match="no drift up to 40"):
        drift_for_power(lines((1.0,), (100.0,), sides=1), 0.8)


def test_giving_up_early_only_makes_the_test_dearer() -> None:
    early = futility_design(
        (0.01, 1.0),
        success=Side(Spending("at_the_end"), 0.025),
        give_up=Side(Spending("power", 0.001), 0.2),
    )

    assert early.inflation > 3
    assert exit_probabilities(early.boundaries, [early.drift]).power[0] == pytest.approx(0.8)


def test_lines_at_the_same_moment_are_refused() -> None:
    with pytest.raises(InformationFell):
        exit_probabilities(lines((0.5, 0.5 + 1e-9, 1.0), (2.5, 2.5, 2.0), sides=2), [0.0])


@given(
    low=st.floats(-10, 0),
    high=st.floats(0.1, 10),
    where=st.floats(0.01, 0.99),
    bend=st.floats(0.1, 3),
)
def test_a_root_agrees_with_scipy(low: float, high: float, where: float, bend: float) -> None:
    target = low + where * (high - low)

    def f(x: float) -> float:
        return math.expm1(bend * (x - target))

    assert root(f, low, high) == pytest.approx(brentq(f, low, high), abs=1e-9)


def test_no_change_of_sign_is_no_root() -> None:
    assert root(lambda x: x, 0.0, 1.0) == 0.0
    with pytest.raises(NoAnswer, match="no root"):
        root(lambda x: x * x + 1, -1.0, 1.0)
    with pytest.raises(NotANumber):
        Boundaries((1.0,), (), (1.0,))

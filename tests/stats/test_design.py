"""Before and around a test: the split, power, duration, quantiles and tails."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fairlift_stats import BadQuestion, BadSummary, NoEstimate, Summary, TooFewUnits
from fairlift_stats.balance import contamination, split_check
from fairlift_stats.bootstrap import bootstrap_interval, bootstrap_sums, poisson_weights
from fairlift_stats.capping import capped, pooled_cap
from fairlift_stats.decomposition import Decomposition, Factor, decompose
from fairlift_stats.duration import Traffic, duration, mde_by_week
from fairlift_stats.locale import text
from fairlift_stats.power import (
    Design,
    Spread,
    cohen_h_units,
    mde,
    power_of_t,
    rate_power,
    rate_units,
    t_mde,
    t_units,
    units,
)
from fairlift_stats.quantiles import QuantileArm, compare_quantiles, ranks
from fairlift_stats.rates_compared import TwoRates
from fairlift_stats.results import Interval
from fairlift_stats.stratification import mantel_haenszel, post_stratify
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize

from tests.stats.strategies import shop


def test_split_agrees_with_scipy() -> None:
    observed, weights = {"a": 5020, "b": 4880, "c": 10_250}, {"a": 25, "b": 25, "c": 50}

    found = split_check(observed, weights)

    expected = stats.chisquare(
        list(observed.values()), [20_150 * w / 100 for w in weights.values()]
    )
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert not found.alarm


def test_a_variant_of_weight_nothing_is_not_counted() -> None:
    with_it = split_check({"a": 60, "b": 40, "off": 0}, {"a": 1, "b": 1, "off": 0})
    without = split_check({"a": 60, "b": 40}, {"a": 1, "b": 1})

    assert (with_it.df, with_it.p_value) == (without.df, without.p_value)


@given(st.integers(0, 40), st.floats(0.1, 0.9))
def test_few_units_are_judged_exactly(a: int, weight: float) -> None:
    found = split_check({"a": a, "b": 40 - a}, {"a": weight, "b": 1 - weight})

    assert found.method == "exact multinomial"
    assert found.p_value == pytest.approx(stats.binomtest(a, 40, weight).pvalue, abs=1e-9)


def test_three_arms_of_few_units_are_summed_over_all_tables() -> None:
    observed, share = {"a": 7, "b": 1, "c": 0}, [0.5, 0.3, 0.2]
    law = stats.multinomial(8, share)
    seen = law.pmf(list(observed.values()))
    tables = [(i, j, 8 - i - j) for i in range(9) for j in range(9 - i)]
    expected = sum(p for t in tables if (p := law.pmf(t)) <= seen * (1 + 1e-9))

    found = split_check(observed, dict(zip(observed, share, strict=True)))

    assert found.p_value == pytest.approx(expected)


def test_many_arms_of_few_units_fall_back_to_chi_square() -> None:
    arms = {str(i): 3 for i in range(12)}

    assert split_check(arms, dict.fromkeys(arms, 1.0)).method == "χ²"


def test_nobody_raises_no_alarm() -> None:
    assert split_check({"a": 0, "b": 0}, {"a": 1, "b": 1}).p_value == 1.0


@pytest.mark.parametrize(
    ("observed", "weights", "error"),
    [
        ({"a": 1}, {"a": 1, "b": 1}, BadQuestion),
        ({"a": -1, "b": 1}, {"a": 1, "b": 1}, BadSummary),
        ({"a": 1.5, "b": 1}, {"a": 1, "b": 1}, BadSummary),
        ({"a": 1, "b": 1}, {"a": 1, "b": -1}, BadQuestion),
        ({"a": 1, "b": 1}, {"a": 1, "b": math.inf}, BadQuestion),
        ({"a": 1, "b": 1}, {"a": 1, "b": 0}, BadSummary),
        ({"a": 1, "b": 0}, {"a": 1, "b": 0}, BadQuestion),
    ],
)
def test_splits_that_cannot_be_checked_are_refused(
    observed: Any, weights: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        split_check(observed, weights)


def test_contamination_is_a_rate_with_limits() -> None:
    found = contamination(3, 1000)

    assert found.rate == 0.003
    assert found.interval.low < 0.003 < found.interval.high


def test_power_of_t_agrees_with_statsmodels() -> None:
    for n, effect, ratio in ((20, 1.0, 1.0), (60, 0.3, 2.0), (15, 0.05, 0.5)):
        expected = TTestIndPower().power(effect, n, 0.05, ratio)
        assert power_of_t(n, effect, 1.0, Design(ratio=ratio)) == pytest.approx(expected, abs=1e-9)
    one = TTestIndPower().power(0.5, 30, 0.05, 1.0, alternative="larger")
    assert power_of_t(30, 0.5, 1.0, Design(one_sided=True)) == pytest.approx(one, abs=1e-9)
    assert power_of_t(10_000, 1.0, 1.0) == 1.0


@given(st.floats(0.02, 3.0), st.floats(0.3, 3.0), st.floats(0.3, 0.95))
def test_t_units_and_t_mde_undo_each_other(effect: float, ratio: float, power: float) -> None:
    design = Design(ratio=ratio, power=power)

    n = t_units(effect, 1.0, design)

    if n > 3 / (1 + ratio):
        assert power_of_t(n, effect, 1.0, design) == pytest.approx(power, abs=1e-6)
        assert t_mde(n, 1.0, design) == pytest.approx(effect, rel=1e-5)


def test_an_enormous_effect_needs_no_more_than_exists() -> None:
    assert t_units(50.0, 1.0, Design(power=0.3)) == 1.5


@given(st.floats(0.01, 5.0), st.floats(0.2, 5.0), st.floats(0.1, 0.95))
def test_units_and_mde_undo_each_other(effect: float, ratio: float, power: float) -> None:
    spread, design = Spread(10.0, 4.0), Design(ratio=ratio, power=power)

    assert mde(spread, units(spread, effect, design), design) == pytest.approx(effect)


def test_rates_need_what_statsmodels_and_r_say() -> None:
    # R: power.prop.test(p1 = .50, p2 = .75, power = .90) gives n = 76.7.
    assert rate_units(0.5, 0.75, Design(power=0.9)) == pytest.approx(76.7, abs=0.05)
    n = rate_units(0.03, 0.033)
    assert rate_power(0.03, 0.033, n) == pytest.approx(0.8)
    for power in (0.2, 0.8):
        expected = NormalIndPower().solve_power(
            proportion_effectsize(0.033, 0.03), alpha=0.05, power=power
        )
        assert cohen_h_units(0.03, 0.033, Design(power=power)) == pytest.approx(expected, rel=1e-6)


def test_one_sided_questions_need_less_and_more_arms_more() -> None:
    spread = Spread(10.0, 400.0)

    plain = units(spread, 1.0)

    assert units(spread, 1.0, Design(one_sided=True)) < plain
    assert plain < units(spread, 1.0, Design(treatments=3))
    bonferroni = units(spread, 1.0, Design(alpha=0.05 / 3))
    assert units(spread, 1.0, Design(treatments=3)) < bonferroni
    assert cohen_h_units(0.03, 0.04, Design(one_sided=True)) < cohen_h_units(0.03, 0.04)


def test_a_margin_is_room_to_see() -> None:
    spread, design = Spread(10.0, 400.0), Design(one_sided=True)

    assert units(spread, 0.0, design, margin=1.0) == pytest.approx(units(spread, 1.0, design))
    assert rate_units(0.1, 0.1, design, margin=0.01) == pytest.approx(
        (stats.norm.ppf(0.95) + stats.norm.ppf(0.8)) ** 2 * 2 * 0.09 / 0.0001
    )
    with pytest.raises(BadQuestion, match="nothing is left to see"):
        units(spread, -1.0, design, margin=1.0)


def test_a_covariate_saves_what_it_explains() -> None:
    spread = Spread(10.0, 400.0)

    assert units(spread.explained(0.6), 1.0) == pytest.approx(0.64 * units(spread, 1.0))
    assert spread.cv == 2.0
    assert Spread(0.0, 1.0).cv == math.inf


def test_spreads_come_from_history() -> None:
    rows = shop(2000, conversion=0.2)
    summary = Summary.from_rows(rows)

    mean = Spread.of_mean(summary, "revenue")
    ratio = Spread.of_ratio(summary, "revenue", "orders")

    assert mean.variance == pytest.approx(np.var(rows["revenue"], ddof=1))
    residual = rows["revenue"] - ratio.mean * rows["orders"]
    assert ratio.variance == pytest.approx(np.var(residual, ddof=1) / rows["orders"].mean() ** 2)
    with pytest.raises(NoEstimate, match="no ratio"):
        Spread.of_ratio(Summary.from_rows({"a": [1, 2], "b": [0, 0]}), "a", "b")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Design(alpha=0),
        lambda: Design(power=0.01),
        lambda: Design(ratio=0),
        lambda: Design(treatments=0),
        lambda: Spread(math.nan, 1),
        lambda: Spread(1, 0),
        lambda: Spread(1, 1).explained(1.0),
        lambda: units(Spread(1, 1), 0.0),
        lambda: units(Spread(1, 1), math.nan),
        lambda: mde(Spread(1, 1), 0),
        lambda: rate_units(0.0, 0.1),
        lambda: power_of_t(0.5, 1.0, 1.0),
        lambda: Traffic(()),
        lambda: Traffic((0.0, 5.0)),
        lambda: Traffic((9.0, 5.0)),
        lambda: Traffic((9.0,), allocated=0.0),
        lambda: duration(0, Traffic((9.0,))),
        lambda: duration(5, Traffic((9.0,)), at_most=0),
        lambda: mde_by_week(Spread(0, 1), Traffic((9.0,)), [1]),
        lambda: mde_by_week(Spread(1, 1), Traffic((9.0,)), [0]),
    ],
)
def test_designs_that_cannot_be_are_refused(build: Any) -> None:
    with pytest.raises(BadQuestion):
        build()


CURVE = Traffic((10_000, 18_000, 25_000, 31_000), allocated=0.5)


def test_weeks_are_whole_and_at_least_two() -> None:
    assert duration(100, CURVE).weeks == 2
    assert duration(12_500, CURVE).weeks == 3
    assert duration(12_501, CURVE).weeks == 4


def test_one_week_is_allowed_with_a_warning() -> None:
    found = duration(100, CURVE, allow_one=True)

    assert found.weeks == 1
    assert "each weekday once" in found.warning


def test_beyond_the_curve_its_last_week_goes_on() -> None:
    assert CURVE.entered(6) == pytest.approx((31_000 + 2 * 6_000) / 2)
    assert Traffic((10_000,)).entered(3) == 30_000


def test_out_of_reach_says_what_to_do() -> None:
    found = duration(10**9, CURVE)

    assert found.weeks is None
    assert "use a covariate" in found.warning


def test_effects_to_be_seen_shrink_with_the_weeks() -> None:
    found = mde_by_week(Spread(3.0, 400.0), CURVE, [1, 2, 4, 8])

    assert list(found) == [1, 2, 4, 8]
    assert sorted(found.values(), reverse=True) == list(found.values())


def test_parts_of_a_change_add_up_to_it() -> None:
    control, treatment = (
        Summary.from_rows(shop(4000, conversion=p, ticket=t, seed=s))
        for p, t, s in ((0.05, 60, 1), (0.08, 60, 2))
    )

    found = decompose(control, treatment)

    assert sum(f.money for f in found.factors) == pytest.approx(found.change, rel=1e-12)
    whole = math.prod(1 + f.lift for f in found.factors)
    assert whole == pytest.approx(treatment.mean("revenue") / control.mean("revenue"))
    for factor in found.factors:
        assert factor.interval.low > factor.joint.low
        assert factor.treatment / factor.control - 1 == pytest.approx(factor.lift)
    back = decompose(treatment, control)
    assert re.fullmatch(
        r"Revenue per visitor rose by €\d\.\d\d: more buyers \(\+€\d\.\d\d\).*\.",
        text(found.message("EUR")),
    )
    assert re.match(
        r"Los ingresos por visitante bajaron \d,\d\d\s€: menos compradores \(-\d,\d\d\s€\)",
        text(back.message("EUR"), "es"),
    )


def test_no_change_is_told_apart_from_nothing_known() -> None:
    arm = Summary.from_rows(shop(2000, seed=1))

    found = decompose(arm, arm)

    assert found.change == 0
    assert [f.money for f in found.factors] == [0, 0, 0]
    assert text(found.message("EUR")).startswith("Revenue per visitor hardly changed (€0.00); ")
    assert "cannot be told apart" in text(found.message("EUR"))


def factor(name: str, money: float, *, sure: bool = True) -> Factor:
    interval = Interval(money - 0.01, money + 0.01) if sure else Interval(-9.0, 9.0)
    return Factor(name, 1.0, 1.0 + money, money, interval, interval, money)


def test_parts_that_go_the_other_way_come_after_a_but() -> None:
    parts = (
        factor("conversion", -1.798),
        factor("orders per buyer", -0.4),
        factor("average ticket", 1.623),
    )
    found = Decomposition(sum(part.money for part in parts), parts, ())

    assert text(found.message("EUR")) == (
        "Revenue per visitor fell by €0.58: fewer buyers (-€1.80) and fewer orders per buyer "
        "(-€0.40) but bigger baskets (+€1.62)."
    )
    assert text(found.message("RON"), "ro").endswith("dar coșuri mai mari (+1,62\xa0RON).")


def test_one_order_per_buyer_is_no_part_of_a_change() -> None:
    # Without a spread rounding alone decides on which side of zero the interval lies.
    parts = (
        factor("conversion", 0.9),
        replace(factor("orders per buyer", -1e-16), joint=Interval(-1e-16, -1e-16)),
        factor("average ticket", 0.2),
    )

    assert "orders" not in text(Decomposition(1.1, parts, ()).message("EUR"))


def test_only_parts_that_are_sure_are_told() -> None:
    parts = (
        factor("conversion", 0.9),
        factor("orders per buyer", 0.3, sure=False),
        factor("average ticket", 0.2, sure=False),
    )
    unsure = (factor("conversion", -0.9, sure=False), *parts[1:])

    assert text(Decomposition(1.4, parts, ()).message("EUR")) == (
        "Revenue per visitor rose by €1.40: more buyers (+€0.90)."
    )
    assert text(Decomposition(-0.4, unsure, ()).message("EUR")) == (
        "Revenue per visitor fell by €0.40; whether by buyers, orders or baskets cannot be told "
        "apart yet."
    )


def test_nothing_sold_cannot_be_taken_apart() -> None:
    arm, nothing = (Summary.from_rows(shop(200, conversion=p)) for p in (0.2, 0.0))

    with pytest.raises(NoEstimate, match="each must be positive"):
        decompose(arm, nothing)
    with pytest.raises(TooFewUnits):
        decompose(Summary.from_rows(shop(1, conversion=1.0)), arm)


def _strata(sizes: list[tuple[int, int]], effect: float = 1.0) -> list[tuple[Summary, Summary]]:
    rng = np.random.default_rng(3)
    return [
        (
            Summary.from_rows({"y": 10 * i + effect + rng.normal(size=t)}),
            Summary.from_rows({"y": 10 * i + rng.normal(size=c)}),
        )
        for i, (t, c) in enumerate(sizes, start=1)
    ]


def test_strata_take_away_what_lies_between_them() -> None:
    strata = _strata([(200, 400), (400, 200)])

    found = post_stratify(strata, "y")

    assert found.difference == pytest.approx(1.0, abs=0.2)
    assert 0 not in found.interval
    assert found.lift is not None
    assert found.lift.low < found.difference / 15 < found.lift.high
    assert found.p_value < 1e-6


def test_small_strata_are_put_together() -> None:
    assert post_stratify(_strata([(50, 50), (5, 9), (3, 12), (30, 30)]), "y").merged == 3
    assert post_stratify(_strata([(50, 50), (9, 9), (9, 9)]), "y").merged == 2
    with pytest.raises(TooFewUnits, match="all of them together"):
        post_stratify(_strata([(4, 50), (4, 50)]), "y")


def test_strata_that_say_nothing_are_refused() -> None:
    same = Summary.from_rows({"y": [5.0] * 20})
    loss = Summary.from_rows({"y": [-5.0, -6.0] * 10})

    with pytest.raises(BadQuestion, match="there are none"):
        post_stratify([], "y")
    with pytest.raises(NoEstimate, match="the same"):
        post_stratify([(same, same)], "y")
    assert post_stratify([(same, loss)], "y").lift is None


def test_mantel_haenszel_refuses_what_says_nothing() -> None:
    assert mantel_haenszel([TwoRates(9, 18, 6, 16), TwoRates(8, 12, 7, 14)])[1] == pytest.approx(
        stats.chi2.sf(1.20294988344, 1)  # R 4.2.2, mantelhaen.test(correct = FALSE)
    )
    with pytest.raises(BadQuestion):
        mantel_haenszel([])
    with pytest.raises(NoEstimate):
        mantel_haenszel([TwoRates(0, 5, 0, 5)])


def test_a_median_and_its_limits_cover_the_truth() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(400):
        x = rng.lognormal(0, 1, 300)
        low, high = np.quantile(x, ranks(300, 0.5))
        arm = QuantileArm(300, 0.5, float(np.median(x)), float(low), float(high))
        hits += abs(arm.value - 1) < 1.96 * math.sqrt(arm.variance)
    assert stats.binomtest(hits, 400, 0.95).pvalue > 1e-3


def test_orders_of_one_visitor_count_as_one_cluster() -> None:
    # Every value twice: independent values would seem twice as many as they are.
    rng = np.random.default_rng(9)
    once = rng.lognormal(0, 1, 500)
    below = (once <= np.median(once)).astype(int)
    clusters = Summary.from_rows({"below": 2 * below, "values": np.full(500, 2)})
    low, high = np.quantile(once, ranks(1000, 0.5))

    twice = QuantileArm(
        1000, 0.5, float(np.median(once)), float(low), float(high), clusters=clusters
    )
    naive = QuantileArm(1000, 0.5, float(np.median(once)), float(low), float(high))

    assert twice.variance == pytest.approx(2 * naive.variance, rel=0.01)


def test_quantiles_are_compared_by_difference_and_lift() -> None:
    a, b = QuantileArm(1000, 0.9, 110.0, 104.0, 118.0), QuantileArm(1000, 0.9, 100.0, 95.0, 106.0)

    found = compare_quantiles(a, b)

    assert found.lift == pytest.approx(0.1)
    assert found.lift_interval is not None
    assert found.lift_interval.low < 0.1 < found.lift_interval.high
    assert found.interval.low < 10 < found.interval.high
    assert (found.p_value < 0.05) == (0 not in found.interval)
    assert compare_quantiles(a, QuantileArm(1000, 0.9, 0.0, -1.0, 6.0)).lift is None


def test_quantiles_without_an_answer_are_refused() -> None:
    arm = QuantileArm(1000, 0.9, 1.0, 1.0, 1.0)

    with pytest.raises(TooFewUnits, match="needs more than"):
        ranks(10, 0.9)
    with pytest.raises(BadQuestion, match="level"):
        ranks(10, 1.0)
    with pytest.raises(BadSummary, match="must rise"):
        QuantileArm(1000, 0.5, 1.0, 2.0, 3.0)
    with pytest.raises(BadQuestion, match="cannot be compared"):
        compare_quantiles(arm, QuantileArm(1000, 0.5, 1.0, 0.9, 1.1))
    with pytest.raises(TooFewUnits, match="the same"):
        compare_quantiles(arm, arm)


def test_one_cap_serves_all_arms() -> None:
    cap = pooled_cap({"a": [0.0, 0.0, 10.0, 20.0], "b": [0.0, 30.0, 1000.0]}, level=0.5)

    assert cap == 25.0
    assert capped({"revenue": [0, 10, 400]}, "revenue", cap, name="c").sum("c") == 35.0
    with pytest.raises(TooFewUnits):
        pooled_cap({"a": [0.0]})
    with pytest.raises(BadQuestion):
        pooled_cap({"a": [1.0]}, level=1.0)


IDS = np.random.default_rng(1).integers(0, 2**63, 4000, dtype=np.uint64)


def test_weights_are_poisson_and_a_function_of_unit_and_replicate() -> None:
    weights = np.concatenate([poisson_weights(IDS, b) for b in range(25)])
    counts = np.bincount(weights.astype(int), minlength=6)[:6]

    expected = stats.poisson(1).pmf(range(6)) * len(weights)
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-3
    assert np.array_equal(poisson_weights(IDS, 3), poisson_weights(IDS, 3))
    pair = np.corrcoef(poisson_weights(IDS, 0), poisson_weights(IDS, 1))[0, 1]
    assert abs(pair) < 4 / math.sqrt(len(IDS))


def test_resampled_sums_add_over_chunks_and_agree_with_the_formula() -> None:
    rows = shop(4000, conversion=0.3)
    columns = {"revenue": rows["revenue"], "orders": rows["orders"]}
    whole = bootstrap_sums(IDS, columns, replicates=400)
    parts = [
        bootstrap_sums(IDS[s], {k: v[s] for k, v in columns.items()}, replicates=400)
        for s in (slice(0, 1500), slice(1500, None))
    ]

    assert whole["revenue"] == pytest.approx(parts[0]["revenue"] + parts[1]["revenue"])
    interval = bootstrap_interval(lambda t, _: t["revenue"] / t["orders"], whole, whole)
    summary = Summary.from_rows(columns)
    error = math.sqrt(Spread.of_ratio(summary, "revenue", "orders").variance / 4000)
    assert interval.width == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_resampling_refuses_what_is_too_thin() -> None:
    one = bootstrap_sums(IDS[:1], {"x": [1.0]}, replicates=50)

    with np.errstate(invalid="ignore"), pytest.raises(TooFewUnits, match="too thin"):
        bootstrap_interval(lambda t, c: t["x"] / c["n"], one, one)
    with pytest.raises(BadQuestion):
        bootstrap_sums(IDS, {"x": [1.0]})
    with pytest.raises(BadQuestion):
        bootstrap_sums(IDS[:1], {"x": [1.0]}, replicates=0)

"""Hard input to every method: an error of our own, never a number that looks like an answer."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from fairlift_stats import (
    SCEPTICAL,
    BadQuestion,
    BadSummary,
    LiftPrior,
    MissingColumn,
    NoEstimate,
    StatisticsError,
    Summary,
    TooFewUnits,
)
from fairlift_stats.bayes.draws import revenue_draws
from fairlift_stats.bayes.marginals import Beta, Hurdle, Student
from fairlift_stats.bayes.segment_shrinkage import fit_segments, log_lift
from fairlift_stats.bayes.shrinkage import NormalPosterior, best_lift, normal_posterior
from fairlift_stats.data.winsorizing import capped, pooled_cap
from fairlift_stats.design.duration import Traffic, duration
from fairlift_stats.design.power import (
    PowerDesign,
    Variability,
    cohen_h_units,
    mde,
    power_of_t,
    rate_power,
    t_mde,
)
from fairlift_stats.methods.bootstrap import bootstrap_interval, bootstrap_sums, poisson_weights
from fairlift_stats.methods.dunnett import critical_value, loadings, p_values
from fairlift_stats.methods.multiplicity import adjusted_p
from fairlift_stats.methods.one_rate import clopper_pearson, jeffreys, wilson
from fairlift_stats.methods.quantiles import QuantileArm, compare_quantiles, ranks
from fairlift_stats.methods.random_effects import james_stein
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.methods.two_means import ArmMoments, equivalent, lift, posterior, welch, yuen
from fairlift_stats.methods.two_rates import TwoRates, exact_p, rate_non_inferior

NAN, INF = math.nan, math.inf
TEN, ZERO, SHAKY = ArmMoments(10, 1, 100), ArmMoments(0, 0, 100), ArmMoments(0.5, 1, 100)
FEW = TwoRates(5, 20, 6, 20)
SPREAD = Variability(10, 100)
IDS = np.arange(50, dtype=np.uint64)
SAME = bootstrap_sums(IDS, {"x": np.ones(50)}, replicates=100)
_CLUSTERS = Summary.from_sums(
    50, {"b": 50, "n": 100}, {("b", "b"): 60, ("n", "n"): 220, ("b", "n"): 105}
)
_WITHOUT_SQUARES = Summary.from_sums(50, {"b": 50, "n": 100}, {("b", "n"): 105})
_ONE_CLUSTER = Summary.from_rows({"b": [50], "n": [100]})
SPENDING = Hurdle.of(100, 10, 600, 40_000)


def _clustered(n: int, clusters: Summary) -> QuantileArm:
    return QuantileArm(n, 0.5, 1, 0, 2, clusters=clusters)


@pytest.mark.parametrize(
    ("ask", "error", "rule"),
    [
        (lambda: wilson(5, INF), BadSummary, "must be finite"),
        (lambda: clopper_pearson(5, INF), BadSummary, "must be finite"),
        (lambda: jeffreys(NAN, 10), BadSummary, "between 0 and its n"),
        (lambda: TwoRates(1, INF, 1, 10), BadSummary, "must be finite"),
        (lambda: rate_non_inferior(FEW, ratio=INF), BadQuestion, "finite"),
        (lambda: exact_p(TwoRates(10.5, 20, 3, 20), "fisher"), BadSummary, "whole"),
        (lambda: exact_p(FEW, "fisher", alternative="both"), BadQuestion, "'both'"),  # type: ignore[arg-type]
        (lambda: ArmMoments(1e80, 1, 10), BadQuestion, "not beyond"),
        (lambda: ArmMoments(1, NAN, 10), BadQuestion, "finite"),
        (lambda: ArmMoments.of(4, 40, 3), BadSummary, "too small for its sum"),
        (lambda: ArmMoments.of(4, 4e9 + 40, 4e18 + 8e10), BadSummary, "lost in rounding"),
        (lambda: ArmMoments.of(0, 0, 0), TooFewUnits, "needs 2"),
        (lambda: welch(ZERO, ZERO), NoEstimate, "the same"),
        (lambda: lift(TEN, ZERO), NoEstimate, "is too close to zero"),
        (lambda: lift(TEN, SHAKY), NoEstimate, "is too close to zero"),
        (lambda: lift(ZERO, TEN), NoEstimate, "treatment are zero"),
        (lambda: equivalent(TEN, SHAKY, low=NAN, high=1), BadQuestion, "below high"),
        (lambda: posterior(ZERO), NoEstimate, "the same"),
        (lambda: yuen([1, 2, 3, INF, 4], [1, 2, 3, 4, 5]), BadSummary, "finite"),
        (lambda: yuen([[1, 2], [3, 4]], [1, 2, 3]), BadSummary, "flat"),
        (lambda: log_lift(5, 0, 11, 10), BadSummary, "between 0 and its n"),
        (lambda: log_lift(NAN, 10, 1, 10), BadSummary, "between 0 and its n"),
        (lambda: fit_segments({"a": (1, 1), "b": (NAN, 1)}), BadQuestion, "finite"),
        (lambda: fit_segments({"a": (1e200, 1), "b": (-1e200, 1)}), BadQuestion, "beyond"),
        (lambda: sample_ratio({"a": INF, "b": 2}, {"a": 1, "b": 1}), BadSummary, "whole number"),  # type: ignore[dict-item]
        (lambda: PowerDesign(treatments=1.5), BadQuestion, "whole"),  # type: ignore[arg-type]
        (lambda: mde(SPREAD, INF), BadQuestion, "finite"),
        (lambda: rate_power(0.1, 0.12, -5), BadQuestion, "above 0"),
        (lambda: rate_power(0.1, 0.12, NAN), BadQuestion, "above 0"),
        (lambda: cohen_h_units(0.1, 0.1), BadQuestion, "nothing is left"),
        (lambda: power_of_t(10, NAN, 1), BadQuestion, "finite effect"),
        (lambda: power_of_t(10, 1, INF), BadQuestion, "spread"),
        (lambda: t_mde(INF, 1), BadQuestion, "finite"),
        (lambda: Traffic((5, NAN)), BadQuestion, "not finite"),
        (lambda: Traffic((5, INF)), BadQuestion, "not finite"),
        (lambda: Traffic((5, 9)).entered(0), BadQuestion, "1 or more"),
        (lambda: duration(5, Traffic((9, 12)), at_most=1), BadQuestion, "allow_one"),
        (lambda: pooled_cap({}), TooFewUnits, "nothing to cap"),
        (lambda: pooled_cap({"a": [1, NAN]}), BadSummary, "not finite"),
        (lambda: pooled_cap({"a": [-1, -2]}), TooFewUnits, "nothing to cap"),
        (lambda: capped({"x": [1.0]}, "x", NAN), BadQuestion, "above 0"),
        (lambda: capped({"x": [1.0]}, "y", 1), MissingColumn, "'y'"),
        (lambda: loadings(0, [1, 1]), BadQuestion, "positive"),
        (lambda: loadings(1, [1, NAN]), BadQuestion, "positive"),
        (lambda: p_values([1, NAN], [0.7, 0.7]), BadQuestion, "NaN"),
        (lambda: p_values([], []), BadQuestion, "one arm or more"),
        (lambda: p_values([1, 2], [0.7, 1.5]), BadQuestion, "within ±1"),
        (lambda: critical_value(0.05, [0.7, NAN]), BadQuestion, "within ±1"),
        (lambda: critical_value(0.05, [0.7, 0.7], df=-3), BadQuestion, "df above 0"),
        (lambda: adjusted_p([[0.1, 0.2]], "holm"), BadQuestion, "one family"),
        (lambda: james_stein([1, 2, 3, NAN], 1), BadQuestion, "finite"),
        (lambda: james_stein([1, 2, 3, 4], -1), BadQuestion, "positive"),
        (lambda: LiftPrior.fitted([0.1, 0.3] * 6, [-0.1] * 12), BadQuestion, "above 0"),
        (lambda: normal_posterior(1e300, 1e-300, SCEPTICAL), BadQuestion, "sd positive"),
        (lambda: NormalPosterior(0, 0), BadQuestion, "sd positive"),
        (lambda: NormalPosterior(0, 1).interval(95), BadQuestion, "between 0 and 1"),
        (lambda: best_lift(np.array([NAN]), np.ones(1), 1, None), BadQuestion, "finite"),
        (lambda: best_lift(np.ones(1), np.zeros(1), 1, None), BadQuestion, "positive"),
        (lambda: Beta.of(10.3, 10), BadQuestion, "between 0 and its n"),
        (lambda: Beta.of(-0.2, 10), BadQuestion, "between 0 and its n"),
        (lambda: Student(NAN, 1, 5), BadQuestion, "must be finite"),
        (lambda: Hurdle.of(100, 10, 99.0, 980.1 * (1 + 1e-15)), BadQuestion, "scale"),
        (lambda: QuantileArm.of([*range(99), INF], 0.5), BadSummary, "finite"),
        (lambda: QuantileArm.of(np.ones((50, 2)), 0.5), BadSummary, "flat"),
        (lambda: QuantileArm.of(range(50), 0.5, units=[1, 2]), BadSummary, "one a value"),
        (lambda: ranks(INF, 0.5), TooFewUnits, "needs more"),  # type: ignore[arg-type]
        (lambda: QuantileArm(100, 0.5, 1, 0, 2, n_at_ranks=0), BadSummary, "1 or more"),
        (lambda: _clustered(500, _CLUSTERS), BadSummary, "hold 100 values"),
        (lambda: _clustered(100, _WITHOUT_SQUARES), MissingColumn, "b × b"),
        (lambda: _clustered(100, _ONE_CLUSTER), TooFewUnits, "needs 2"),
        (lambda: poisson_weights(IDS, -1), BadQuestion, "count from 0"),
        (lambda: poisson_weights(np.array([0.5]), 1), BadQuestion, "whole numbers"),
        (lambda: bootstrap_sums(IDS, {"n": np.ones(50)}), BadQuestion, "column n"),
        (lambda: bootstrap_sums(IDS, {"x": np.full(50, NAN)}), BadSummary, "not finite"),
        (lambda: bootstrap_sums(IDS, {"x": np.ones((50, 2))}), BadQuestion, "as long as"),
        (lambda: bootstrap_interval(lambda t, _: t["x"][:9], SAME, SAME), BadQuestion, "100 or"),
        (lambda: bootstrap_interval(lambda t, _: t["x"] / t["n"], SAME, SAME), NoEstimate, "same"),
        (
            lambda: revenue_draws({"a": SPENDING, "b": SPENDING}, seed=1, draws_log2=8).p_joint(
                revenue_above=NAN, conversion_above=0
            ),
            BadQuestion,
            "must be numbers",
        ),
    ],
)
def test_what_has_no_answer_gets_none(
    ask: Callable[[], object], error: type[StatisticsError], rule: str
) -> None:
    with pytest.raises(error, match=rule):
        ask()


def test_a_quantile_near_zero_has_no_lift() -> None:
    found = compare_quantiles(QuantileArm(100, 0.5, 5, 4, 6), QuantileArm(100, 0.5, 0.01, -3, 3))

    assert found.difference == 4.99
    assert (found.lift, found.lift_interval) == (None, None)


def test_an_empty_family_has_no_p_values() -> None:
    for how in ("holm", "hommel", "BH", "none"):
        assert adjusted_p([], how).tolist() == []


@pytest.mark.parametrize("loading", [0.999, 0.99999, 1.0])
def test_many_arms_over_a_tiny_control_are_judged_no_more_gladly_than_one(loading: float) -> None:
    # With the control's noise alone all arms move as one, and P(max |T| > 2) is that of one.
    one = float(p_values([2.0], [loading])[0])

    three = float(p_values([2.0, 2.0, 2.0], [loading] * 3)[0])

    assert one < three < 1.1 * one
    assert 1.96 < float(critical_value(0.05, [loading] * 3)) < 2.0


def test_weights_are_shares_whatever_their_sum() -> None:
    observed = {"a": 20, "b": 21, "c": 60}
    usual = sample_ratio(observed, {"a": 0.25, "b": 0.25, "c": 0.5})

    for scale in (1e-300, 3.0, 1e308):
        scaled = sample_ratio(observed, {"a": scale / 4, "b": scale / 4, "c": scale / 2})
        assert scaled.p_value == pytest.approx(usual.p_value, rel=1e-12)


@pytest.mark.parametrize("unit", [1e-100, 1e-6, 1e6, 1e70])
def test_a_lift_has_no_unit(unit: float) -> None:
    def found(scale: float) -> tuple[float, float]:
        limits = lift(
            ArmMoments(2 * scale, (0.1 * scale) ** 2, 50), ArmMoments(scale, (0.1 * scale) ** 2, 50)
        )
        return limits.low, limits.high

    assert found(unit) == pytest.approx(found(1.0), rel=1e-9)


def test_one_price_for_all_orders_leaves_no_spread_to_plan_by() -> None:
    orders = np.array([1, 2, 0, 3])
    summary = Summary.from_rows({"revenue": 9.9 * orders, "orders": orders})

    with pytest.raises(BadQuestion, match="positive, finite variance"):
        Variability.of_ratio(summary, "revenue", "orders")

"""Posteriors: quadrature against scipy's integration, closed forms, and draws."""

import math
from typing import Any

import numpy as np
import pytest
from fairlift_stats import SCEPTICAL, BadQuestion, LiftPrior, NoEstimate, TooFewUnits
from fairlift_stats.bayes.best import best_of, lift_cdf, lift_mean, lift_quantiles, p_greater
from fairlift_stats.bayes.draws import revenue_draws
from fairlift_stats.bayes.marginals import Beta, Hurdle, Marginal, Student
from fairlift_stats.bayes.shrinkage import best_lift, normal_posterior
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

A, B = Beta(121, 2281), Beta(157, 2225)
BUYERS_A = Hurdle.of(2400, 120, 9000, 1_100_000)
BUYERS_B = Hurdle.of(2380, 156, 12_480, 1_560_000)
LIFTS = np.array([-0.9, -0.5, 0.0, 0.5, 3.0])

betas = st.builds(Beta, st.floats(0.5, 500), st.floats(0.5, 5000))
students = st.builds(
    Student, st.floats(1, 100), st.floats(0.01, 30), st.one_of(st.just(math.inf), st.floats(3, 1e6))
)


@given(st.one_of(betas, students))
@settings(max_examples=60)
def test_every_rule_has_the_moments_of_its_distribution(arm: Marginal) -> None:
    x, weight = arm.rule

    assert weight.sum() == pytest.approx(1)
    assert weight @ x == pytest.approx(arm.mean, rel=1e-6, abs=1e-9)
    # The distribution at its own points averages to a half, whatever it is.
    assert weight @ arm.cdf(x) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("arm", "same"),
    [
        (A, stats.beta(121, 2281)),
        (Student(5.0, 2.0, 7.0), stats.t(7, 5, 2)),
        (Student(5.0, 2.0), stats.norm(5, 2)),
    ],
)
def test_distributions_agree_with_scipy(arm: Marginal, same: Any) -> None:
    x = same.ppf(np.linspace(0.001, 0.999, 21))

    assert arm.cdf(x) == pytest.approx(same.cdf(x))
    assert arm.pdf(x) == pytest.approx(same.pdf(x))
    assert A.pdf(np.array([-1.0, 0.0, 1.0, 2.0])).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("small", [False, True])
def test_chance_to_win_agrees_with_integration(small: bool) -> None:
    a, b = (stats.beta(1.5, 19.5), stats.beta(4.5, 16.5)) if small else (
        stats.beta(121, 2281), stats.beta(157, 2225))  # fmt: skip
    expected, _ = integrate.quad(lambda x: a.pdf(x) * b.sf(x), 0, 1, points=[a.mean()], limit=200)

    found = p_greater(Beta(*b.args), Beta(*a.args))

    assert found == pytest.approx(expected, abs=1e-9)


@given(st.lists(students, min_size=2, max_size=5), st.sampled_from(["higher", "lower"]))
@settings(max_examples=60)
def test_chances_to_be_best_add_up_and_losses_are_not_negative(
    arms: list[Student], direction: Any
) -> None:
    found = best_of(arms, direction=direction)

    assert sum(found.p_best) == pytest.approx(1)
    assert min(found.expected_loss) >= 0
    best = max(arm.mean for arm in arms) if direction == "higher" else -min(a.mean for a in arms)
    sign = 1 if direction == "higher" else -1
    assert sign * found.expected_best >= best - 1e-6 * abs(best)


def test_the_best_of_normals_agrees_with_integration() -> None:
    centres, scales = (1.0, 1.2, 0.9), (0.3, 0.2, 0.5)
    found = best_of([Student(c, s) for c, s in zip(centres, scales, strict=True)])

    def wins(x: float, i: int) -> float:
        others = [stats.norm.cdf(x, centres[j], scales[j]) for j in range(3) if j != i]
        return float(stats.norm.pdf(x, centres[i], scales[i]) * np.prod(others))

    expected = [integrate.quad(wins, -3, 5, args=(i,))[0] for i in range(3)]
    top = sum(integrate.quad(lambda x, i=i: x * wins(x, i), -3, 5)[0] for i in range(3))
    assert found.p_best == pytest.approx(expected, abs=1e-9)
    assert found.expected_loss == pytest.approx([top - c for c in centres], abs=1e-9)


def test_lower_is_better_is_higher_mirrored() -> None:
    arms = [Student(1.0, 0.3, 9.0), Student(1.2, 0.2), Student(0.9, 0.5, 40.0)]
    mirrored = [Student(-a.centre, a.scale, a.df) for a in arms]

    low, high = best_of(arms, direction="lower"), best_of(mirrored)

    assert low.p_best == pytest.approx(high.p_best)
    assert low.expected_loss == pytest.approx(high.expected_loss)


@given(betas, betas)
@settings(max_examples=50)
def test_quantiles_of_the_lift_are_where_its_distribution_says(t: Beta, c: Beta) -> None:
    p = [0.025, 0.5, 0.975]

    quantiles = lift_quantiles(t, c, p)

    assert lift_cdf(t, c, np.array(quantiles)) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(
    ("t", "c"),
    [
        ((0.5, 20.5), (3.5, 17.5)),
        ((113, 0.5), (0.5, 0.5)),  # all did it: the distributions end at 1 like a square root
        ((0.5, 0.5), (113, 0.5)),
        ((5.5, 0.5), (2.5, 0.5)),
        ((1.5, 0.5), (0.5, 1.5)),
    ],
)
def test_quantiles_of_the_lift_are_where_an_adaptive_integral_says(
    t: tuple[float, float], c: tuple[float, float]
) -> None:
    treatment, control = stats.beta(*t), stats.beta(*c)

    def below(ratio: float) -> float:
        # Beyond this level of the control no treatment is above it.
        top = float(control.cdf(1 / ratio)) if ratio > 1 else 1.0
        found, _ = integrate.quad(
            lambda u: treatment.cdf(min(1.0, ratio * control.ppf(u))), 0, top,
            epsabs=1e-12, epsrel=1e-11, limit=500,
        )  # fmt: skip
        return float(found + 1 - top)

    levels = [0.025, 0.5, 0.975]
    lifts = lift_quantiles(Beta(*t), Beta(*c), levels)

    assert [below(1 + lift) for lift in lifts] == pytest.approx(levels, abs=1e-8)


def test_a_lift_over_a_control_that_may_be_negative_counts_both_sides() -> None:
    t, c = Student(3.0, 1.0), Student(2.0, 0.8)
    rng = np.random.default_rng(3)
    draws = (3 + rng.normal(size=400_000)) / (2 + 0.8 * rng.normal(size=400_000)) - 1

    assert lift_quantiles(t, c, [0.5])[0] == pytest.approx(np.median(draws), abs=0.01)
    assert lift_mean(t, c) is None


def test_the_mean_of_a_lift_exists_when_the_control_stays_off_zero() -> None:
    # E[1/X] of a Beta(a, b) is (a + b − 1)/(a − 1).
    expected = B.mean * (121 + 2281 - 1) / (121 - 1) - 1

    assert lift_mean(B, A) == pytest.approx(expected)
    assert lift_mean(B, Beta(0.5, 20.5)) is None


def test_a_control_of_nothing_has_no_lift() -> None:
    with pytest.raises(NoEstimate, match="positive"):
        lift_quantiles(Student(3, 1), Student(-2, 1), [0.5])
    with pytest.raises(NoEstimate, match="too close to zero"):
        lift_quantiles(Student(3, 0.01), Student(1e-9, 1e6, 3.0), [1e-290, 1.0])


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: Beta(0, 1), BadQuestion),
        (lambda: Beta(1, math.inf), BadQuestion),
        (lambda: Student(1, 0), BadQuestion),
        (lambda: Student(1, 1, 2.5), TooFewUnits),
        (lambda: Hurdle.of(100, 3, 30, 900), TooFewUnits),
        (lambda: Hurdle.of(100, 5, 50, 500), BadQuestion),
        (lambda: best_of([A]), BadQuestion),
        (lambda: LiftPrior(0, 0), BadQuestion),
        (lambda: LiftPrior(math.nan, 1), BadQuestion),
        (lambda: normal_posterior(0.1, 0), BadQuestion),
        (lambda: normal_posterior(math.inf, 1), BadQuestion),
        (lambda: LiftPrior.fitted([0.1] * 9, [0.1] * 9), TooFewUnits),
        (lambda: LiftPrior.fitted([0.1] * 10, [0.1] * 10), BadQuestion),
        (lambda: revenue_draws({"a": BUYERS_A}, seed=1), BadQuestion),
        (lambda: revenue_draws({"a": BUYERS_A, "b": BUYERS_B}, seed=1, draws_log2=30), BadQuestion),
    ],
)
def test_what_is_no_distribution_is_refused(build: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        build()


def test_revenue_per_visitor_agrees_with_plain_monte_carlo() -> None:
    rng = np.random.default_rng(11)

    def draws(n: int, buyers: int, revenue: float, squares: float) -> Any:
        mean = revenue / buyers
        error = math.sqrt((squares - revenue * mean) / (buyers - 1) / buyers)
        p = rng.beta(buyers + 0.5, n - buyers + 0.5, 1_000_000)
        return p * (mean + error * rng.standard_t(buyers - 1, 1_000_000))

    a, b = draws(2400, 120, 9000, 1_100_000), draws(2380, 156, 12_480, 1_560_000)

    assert p_greater(BUYERS_B, BUYERS_A) == pytest.approx((b > a).mean(), abs=6e-4)
    x = np.quantile(a, [0.05, 0.5, 0.9])
    assert BUYERS_A.cdf(x) == pytest.approx([0.05, 0.5, 0.9], abs=2e-3)
    step = 1e-4
    assert BUYERS_A.pdf(x) == pytest.approx(
        (BUYERS_A.cdf(x + step) - BUYERS_A.cdf(x - step)) / (2 * step), rel=1e-4
    )


def test_sobol_draws_agree_with_quadrature_and_repeat_by_seed() -> None:
    arms = {"control": BUYERS_A, "b": BUYERS_B}
    found, again = revenue_draws(arms, seed=7), revenue_draws(arms, seed=7)

    assert np.array_equal(found.revenue, again.revenue)
    assert not np.array_equal(found.revenue, revenue_draws(arms, seed=8).revenue)
    assert found.p_best()[1] == pytest.approx(p_greater(BUYERS_B, BUYERS_A), abs=4e-4)
    assert found.p_best("lower")[0] == pytest.approx(found.p_best()[1], abs=1e-12)
    expected = p_greater(BUYERS_B.buying, BUYERS_A.buying)
    alone = found.p_joint(revenue_above=-1.0, conversion_above=0.0)
    assert alone == pytest.approx(expected, abs=4e-4)
    assert found.p_joint(revenue_above=0.0, conversion_above=0.0) < alone


def test_without_a_prior_the_estimate_is_the_posterior() -> None:
    found = normal_posterior(0.3, 0.1)

    assert (found.mean, found.sd) == (0.3, 0.1)


@pytest.mark.parametrize("wide", [Student(5.0, 4.0, 9.0), Beta(1.5, 2.5)])
def test_a_narrow_arm_is_seen_by_a_wide_one(wide: Marginal) -> None:
    centre = wide.mean * 1.3
    narrow = Student(centre, 1e-5 * centre)
    below = float(wide.cdf(np.array([centre]))[0])

    assert p_greater(narrow, wide) == pytest.approx(below, abs=1e-5)
    assert p_greater(wide, narrow) == pytest.approx(1 - below, abs=1e-5)
    assert best_of([wide, narrow]).p_best == pytest.approx((1 - below, below), abs=1e-5)


def test_a_well_known_treatment_is_seen_by_a_vague_control() -> None:
    c, t = Student(5.0, 0.5), Student(6.0, 1e-6)

    low, median = lift_quantiles(t, c, [0.025, 0.5])

    assert (median, low) == pytest.approx((0.2, 6 / (5 + 1.959964 * 0.5) - 1), abs=1e-6)
    assert lift_cdf(t, c, np.array([-1.5]))[0] == 0.0


def test_normal_posterior_weighs_by_precision() -> None:
    found = normal_posterior(0.3, 0.1, LiftPrior(0.0, 0.2))

    assert found.mean == pytest.approx(0.3 * 0.8)
    assert found.sd == pytest.approx(math.sqrt(1 / (1 / 0.01 + 1 / 0.04)))
    expected, _ = integrate.quad(
        lambda x: -x * stats.norm.pdf(x, found.mean, found.sd), -3, 0, points=[0.0]
    )
    assert found.loss_of_treatment == pytest.approx(expected)
    assert found.loss_of_control - found.loss_of_treatment == pytest.approx(found.mean)
    assert found.p_within(-math.inf, 0) == pytest.approx(1 - found.p_positive)


def test_a_prior_is_fitted_to_how_an_organisations_lifts_spread() -> None:
    rng = np.random.default_rng(2)
    errors = rng.uniform(0.02, 0.05, 400)
    lifts = rng.normal(0.01, 0.08, 400) + rng.normal(size=400) * errors

    prior = LiftPrior.fitted(lifts.tolist(), errors.tolist())

    assert prior.sd == pytest.approx(0.08, abs=0.01)
    assert prior.mean == pytest.approx(0.01, abs=0.015)
    assert "400 past experiments" in str(prior)


@pytest.mark.parametrize("prior", [None, SCEPTICAL])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_lifts_that_share_a_control_are_judged_together(
    prior: LiftPrior | None, direction: Any
) -> None:
    lifts, own, shared = np.array([0.05, 0.02, -0.04]), np.array([4e-4, 9e-4, 2e-4]), 5e-4
    found, best = best_lift(lifts, own, shared, prior, direction=direction)

    noise = np.diag(own) + shared
    precision = np.linalg.inv(noise) + (0 if prior is None else np.eye(3) / prior.sd**2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.linalg.inv(noise) @ lifts
    assert [p.mean for p in found] == pytest.approx(mean)
    assert [p.sd for p in found] == pytest.approx(np.sqrt(np.diagonal(covariance)))
    draws = np.random.default_rng(1).multivariate_normal(mean, covariance, 400_000)
    arms = np.column_stack([np.zeros(len(draws)), draws]) * (1 if direction == "higher" else -1)
    winners = np.bincount(arms.argmax(axis=1), minlength=4) / len(arms)
    assert best.p_best == pytest.approx(winners, abs=3e-3)
    losses = (arms.max(axis=1)[:, None] - arms).mean(axis=0)
    assert best.expected_loss == pytest.approx(losses, abs=2e-4)


def test_one_treatment_with_a_prior_is_the_closed_form() -> None:
    found, best = best_lift(np.array([0.05]), np.array([4e-4]), 5e-4, SCEPTICAL)

    closed = normal_posterior(0.05, math.sqrt(9e-4), SCEPTICAL)
    assert (found[0].mean, found[0].sd) == pytest.approx((closed.mean, closed.sd))
    assert best.p_best[1] == pytest.approx(closed.p_positive)
    assert best.expected_loss[1] == pytest.approx(closed.loss_of_treatment)
    assert best.expected_loss[0] == pytest.approx(closed.loss_of_control)


def test_a_control_that_may_be_below_zero_has_the_lift_that_integration_gives() -> None:
    treatment, control = Student(55.0, 15.0, 7.0), Student(50.0, 12.4, 5.0)
    of_t, of_c = stats.t(7, 55, 15), stats.t(5, 50, 12.4)
    assert of_c.cdf(0) == pytest.approx(0.005, abs=0.0005)

    for lift, found in zip(LIFTS, lift_cdf(treatment, control, LIFTS), strict=True):
        above, _ = integrate.quad(
            lambda x, r=lift + 1: of_c.pdf(x) * of_t.cdf(r * x), 0, 2000, points=[50], limit=400
        )
        below, _ = integrate.quad(
            lambda x, r=lift + 1: of_c.pdf(x) * of_t.sf(r * x), -2000, 0, limit=400
        )
        assert found == pytest.approx(above + below, abs=2e-6)


@pytest.mark.parametrize("few", [5, 6, 8, 10])
def test_a_hurdle_of_few_buyers_has_the_lift_that_a_fine_grid_gives(few: int) -> None:
    def hurdle(buyers: int, ticket: float, deviation: float) -> Hurdle:
        squares = (buyers - 1) * deviation**2 + buyers * ticket**2
        return Hurdle.of(1000, buyers, buyers * ticket, squares)

    def at_quantiles(arm: Hurdle, rates: int, tickets: int) -> np.ndarray:
        """(rates × tickets,) equally likely revenues: products of quantiles of the two factors."""
        share, money = ((np.arange(count) + 0.5) / count for count in (rates, tickets))
        rate = stats.beta.ppf(share, arm.buying.a, arm.buying.b)
        spent = stats.t.ppf(money, arm.spending.df, arm.spending.centre, arm.spending.scale)
        return np.outer(rate, spent).ravel()

    # A control whose ticket is below zero with P = 0.005.
    deviation = 50 * math.sqrt(few) / stats.t.isf(0.005, few - 1)
    control, treatment = hurdle(few, 50, deviation), hurdle(few + 2, 55, deviation)
    base, other = at_quantiles(control, 200, 4000), np.sort(at_quantiles(treatment, 400, 4000))
    assert np.mean(base < 0) == pytest.approx(0.005, abs=1e-4)

    for lift, found in zip(LIFTS, lift_cdf(treatment, control, LIFTS), strict=True):
        below = np.searchsorted(other, (lift + 1) * base) / len(other)
        expected = np.where(base > 0, below, 1 - below).mean()
        assert found == pytest.approx(expected, abs=2.5e-4)

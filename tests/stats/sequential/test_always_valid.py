import math

import numpy as np
import pytest
from fairlift_stats.sequential.anytime.always_valid import (
    StreamMoments,
    confidence_sequence,
    difference,
    msprt,
    regression_log_e,
    regression_sequence,
    regression_tuning,
    relative_lift,
)
from fairlift_stats.sequential.anytime.betting import (
    batch_betting,
    bernstein_interval,
    betting_interval,
    betting_log_wealth,
)
from fairlift_stats.sequential.anytime.mixture import (
    always_valid_p,
    log_e_value,
    mixture_line,
    tuning_constant,
    yeast_line,
)
from fairlift_stats.sequential.anytime.uniform_boundaries import (
    normal_log_mixture,
    normal_mixture_bound,
    poly_stitching_bound,
)
from fairlift_stats.sequential.errors import (
    BadLevel,
    BadPlan,
    NoAnswer,
    NotANumber,
    SequentialError,
    ZeroVariance,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm

zs = st.floats(-6, 6)
informations = st.floats(0.01, 50)


@settings(max_examples=30, deadline=None)
@given(z=zs, r=st.floats(0.05, 20))
def test_the_evidence_is_the_likelihood_ratio_averaged_over_its_prior(z: float, r: float) -> None:
    def ratio(effect: float) -> float:
        return math.exp(effect * z - effect**2 / 2) * float(norm.pdf(effect, scale=math.sqrt(r)))

    peak = z * r / (1 + r)
    span = 10 * math.sqrt(r / (1 + r))
    both = quad(ratio, peak - span, peak + span)[0]
    positive = 2 * quad(ratio, max(0.0, peak - span), max(0.0, peak) + span)[0]

    assert log_e_value(z, r) == pytest.approx(math.log(both), abs=1e-6)
    assert log_e_value(z, r, sides=1) == pytest.approx(math.log(positive), abs=1e-5)


@given(t=informations, alpha=st.floats(0.001, 0.3), sides=st.sampled_from([1, 2]))
def test_on_the_line_the_evidence_is_one_over_alpha(t: float, alpha: float, sides: int) -> None:
    c = tuning_constant(alpha)

    line = mixture_line(t, alpha=alpha, sides=sides, constant=c)

    assert log_e_value(line, c * t, sides=sides) == pytest.approx(-math.log(alpha), abs=1e-8)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_the_line_is_lowest_where_it_is_tuned(alpha: float) -> None:
    best = minimize_scalar(
        lambda c: mixture_line(1.0, alpha=alpha, constant=c), bounds=(1, 40), method="bounded"
    )

    assert tuning_constant(alpha) == pytest.approx(best.x, rel=1e-3)


@given(estimate=st.floats(-3, 3), variance=st.floats(0.01, 4), t=informations)
def test_the_interval_excludes_zero_exactly_when_p_is_below_alpha(
    estimate: float, variance: float, t: float
) -> None:
    found = confidence_sequence(estimate, variance, t=t)

    assert (0 not in found.interval) == (found.p_value <= 0.05)


@given(estimate=st.floats(-3, 3), variance=st.floats(0.01, 4), tau=st.floats(0.1, 3))
def test_msprt_is_the_confidence_sequence_tuned_by_its_tau(
    estimate: float, variance: float, tau: float
) -> None:
    a = msprt(estimate, variance, tau=tau)
    c = tuning_constant(0.05)

    b = confidence_sequence(estimate, variance, t=tau**2 / variance / c)

    assert a.p_value == pytest.approx(b.p_value)
    assert a.interval.low == pytest.approx(b.interval.low)


def test_a_running_p_never_rises() -> None:
    assert always_valid_p([0.0, 3.0, 1.0, -5.0]) == pytest.approx(
        (1.0, math.exp(-3), math.exp(-3), math.exp(-3))
    )


def test_yeast_ends_with_the_plan_and_falls_like_obrien_fleming() -> None:
    assert yeast_line(0.25) == pytest.approx(2 * yeast_line(1.0))
    assert yeast_line(1.01) == math.inf
    assert 2 * norm.sf(yeast_line(1.0, alpha=0.1)) == pytest.approx(0.05)


def test_moments_of_a_ratio_with_one_order_each_are_those_of_a_mean() -> None:
    y = np.array([3.0, 5.0, 7.0, 1.0])

    ratio = StreamMoments.of_ratio(4, y=y.sum(), yy=(y**2).sum(), d=4.0, dd=4.0, yd=y.sum())

    mean = StreamMoments.of_sums(4, y.sum(), (y**2).sum())
    assert (ratio.mean, ratio.variance) == pytest.approx((mean.mean, mean.variance))
    assert mean.variance == pytest.approx(np.var(y, ddof=1))


def test_a_lift_is_the_difference_over_the_control() -> None:
    control, treatment = StreamMoments.of_rate(1000, 100), StreamMoments.of_rate(1000, 120)

    lift, variance = relative_lift(control, treatment)

    assert lift == pytest.approx(0.2)
    assert variance == pytest.approx(0.12 * 0.88 / 1000 / 0.01 + 0.1 * 0.9 / 1000 * 0.0144 / 1e-4)
    assert difference(control, treatment)[0] == pytest.approx(0.02)


def test_the_regression_interval_is_where_the_evidence_reaches_its_level() -> None:
    found = regression_sequence(0.5, 0.1, df=97, n=100, g=12.0)
    edge = (found.interval.high - 0.5) / 0.1

    assert regression_log_e(edge**2, df=97, n=100, g=12.0) == pytest.approx(math.log(20))
    assert regression_sequence(0.5, 0.1, df=1, n=3, g=0.1).interval.width == math.inf


def test_the_regression_evidence_becomes_the_mixture_for_many_rows() -> None:
    n, g = 10_000_000, 1_000_000.0

    exact = regression_log_e(9.0, df=n - 2, n=n, g=g)

    assert exact == pytest.approx(log_e_value(3.0, n / g), abs=1e-4)


def test_the_regression_tuning_is_n_over_c_for_many_rows() -> None:
    assert regression_tuning(1e6, parameters=3) == pytest.approx(
        1e6 / tuning_constant(0.05), rel=1e-3
    )


def test_howards_bounds_are_the_same_lines_on_the_sums_scale() -> None:
    bound = normal_mixture_bound(400.0, alpha=0.05, rho=50.0)

    assert normal_log_mixture(bound, 400.0, rho=50.0) == pytest.approx(math.log(20))
    one = normal_mixture_bound(400.0, alpha=0.05, rho=50.0, sides=1)
    assert normal_log_mixture(one, 400.0, rho=50.0, sides=1) == pytest.approx(math.log(20))
    assert poly_stitching_bound(50.0, alpha=0.05, v_min=100) == poly_stitching_bound(
        100.0, alpha=0.05, v_min=100
    )


def test_a_fair_bet_does_not_grow_on_average() -> None:
    # All 2^10 outcomes of a fair coin: the mean wealth is exactly 1.
    outcomes = np.array(np.meshgrid(*[[0.0, 1.0]] * 10)).reshape(10, -1).T

    wealth = [math.exp(betting_log_wealth(row.tolist(), 0.5)[-1]) for row in outcomes]

    assert np.mean(wealth) == pytest.approx(1.0)


def test_batches_of_bets_do_not_grow_on_average_either() -> None:
    n, rate = 6, 0.3
    total = sum(
        math.comb(n, a)
        * math.comb(n, b)
        * rate ** (a + b)
        * (1 - rate) ** (2 * n - a - b)
        * batch_betting([(n, a), (n, b)], rate).wealth[-1]
        for a in range(n + 1)
        for b in range(n + 1)
    )

    assert total == pytest.approx(1.0)


def test_betting_intervals_hold_the_mean_and_are_narrower_than_bernsteins() -> None:
    rng = np.random.default_rng(5)
    x = (rng.random(800) < 0.1).astype(float).tolist()

    bets, bernstein = betting_interval(x), bernstein_interval(x)

    assert 0.1 in bets
    assert 0.1 in bernstein
    assert bets.width < bernstein.width


def test_too_few_values_leave_every_mean_open() -> None:
    found = betting_interval([0.5])

    assert (found.low, found.high) == (0.0, 1.0)


def test_values_without_one_mean_have_no_betting_interval() -> None:
    with pytest.raises(NoAnswer, match="every mean is refuted"):
        betting_interval([0.0] * 300 + [1.0] * 600)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: tuning_constant(0.0), BadLevel),
        (lambda: mixture_line(0.0), NotANumber),
        (lambda: mixture_line(1.0, sides=3), BadPlan),
        (lambda: yeast_line(0.0), NotANumber),
        (lambda: yeast_line(1.0, sides=0), BadPlan),
        (lambda: log_e_value(math.nan, 1.0), NotANumber),
        (lambda: log_e_value(1.0, 0.0), NotANumber),
        (lambda: confidence_sequence(0.1, 0.0, t=1.0), ZeroVariance),
        (lambda: msprt(0.1, 0.0, tau=1.0), ZeroVariance),
        (lambda: msprt(0.1, 1.0, tau=0.0), NotANumber),
        (lambda: StreamMoments(0, 0.0, 1.0), NotANumber),
        (lambda: StreamMoments(5, math.nan, 1.0), NotANumber),
        (lambda: StreamMoments.of_ratio(5, y=1, yy=1, d=0, dd=0, yd=0), NoAnswer),
        (lambda: relative_lift(StreamMoments(5, 0.0, 1.0), StreamMoments(5, 1.0, 1.0)), NoAnswer),
        (lambda: regression_log_e(-1.0, df=5, n=10, g=1), NotANumber),
        (lambda: regression_sequence(0.1, 0.0, df=5, n=10, g=1), ZeroVariance),
        (lambda: regression_sequence(0.1, 0.1, df=5, n=10, g=1, alpha=2.0), BadLevel),
        (lambda: regression_tuning(3, parameters=3), NotANumber),
        (lambda: normal_mixture_bound(-1.0, alpha=0.05, rho=1.0), NotANumber),
        (lambda: normal_log_mixture(1.0, 1.0, rho=1.0, sides=3), BadPlan),
        (lambda: poly_stitching_bound(1.0, alpha=0.05, v_min=0.0), NotANumber),
        (lambda: betting_log_wealth([0.5, 1.5], 0.5), NotANumber),
        (lambda: betting_log_wealth([], 0.5), NotANumber),
        (lambda: betting_log_wealth([0.5], 0.0), BadLevel),
        (lambda: bernstein_interval([0.5], alpha=0.0), BadLevel),
        (lambda: batch_betting([(10, 11)], 0.5), NotANumber),
        (lambda: batch_betting([(10, 1)], 1.0), BadLevel),
    ],
)
def test_what_has_no_always_valid_answer_is_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        wrong()  # type: ignore[operator]
    assert isinstance(raised.value, SequentialError)

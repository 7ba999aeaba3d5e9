"""The exact deviate of few events, against scipy's binomial distribution."""

import pytest
from fairlift_stats.data.metrics import Direction
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.guards import exact_z, is_surely_beyond
from scipy.optimize import brentq
from scipy.stats import binom, norm


@pytest.mark.parametrize(
    ("xt", "nt", "xc", "nc", "ratio"),
    [(0, 500, 15, 500, 1.0), (3, 1000, 9, 500, 1.0), (12, 400, 10, 800, 1.1)],
)
def test_exact_deviate_is_the_binomial_one_in_both_directions(
    xt: int, nt: int, xc: int, nc: int, ratio: float
) -> None:
    rates = TwoRates(xt=xt, nt=nt, xc=xc, nc=nc)
    share = nt * ratio / (nt * ratio + nc)

    # Worse is fewer events, and then more.
    fewer = norm.ppf(binom.cdf(xt, xt + xc, share))
    more = norm.ppf(binom.sf(xt - 1, xt + xc, share))

    assert exact_z(rates, "higher", ratio=ratio) == pytest.approx(fewer, abs=1e-9)
    if xt:
        assert exact_z(rates, "lower", ratio=ratio) == pytest.approx(more, abs=1e-9)
    else:  # all outcomes are at least that many: no harm at all
        assert exact_z(rates, "lower", ratio=ratio) > 8


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_a_difference_is_beyond_a_margin_when_both_exact_limits_are(direction: Direction) -> None:
    few, many = (2, 500), (40, 400)
    (xt, nt), (xc, nc) = (few, many) if direction == "higher" else (many, few)
    rates = TwoRates(xt=xt, nt=nt, xc=xc, nc=nc)
    # Clopper and Pearson: at these rates a result as extreme as the one seen has 1 % chance.
    lower = brentq(lambda p: binom.sf(39, 400, p) - 0.01, 1e-6, 0.5)
    upper = brentq(lambda p: binom.cdf(2, 500, p) - 0.01, 1e-6, 0.5)

    assert is_surely_beyond(rates, direction, lower - upper - 1e-6, 0.02)
    assert not is_surely_beyond(rates, direction, lower - upper + 1e-6, 0.02)


def test_an_arm_without_events_or_with_nothing_else_has_limits_too() -> None:
    assert is_surely_beyond(TwoRates(xt=0, nt=500, xc=60, nc=500), "higher", 0.05, 0.02)
    assert is_surely_beyond(TwoRates(xt=500, nt=500, xc=300, nc=500), "lower", 0.2, 0.02)
    assert not is_surely_beyond(TwoRates(xt=0, nt=500, xc=0, nc=500), "higher", 0.0, 0.02)


def test_one_event_of_two_is_a_limit_too() -> None:
    """At half of 2.34 %: one of two tells 1 - sqrt(1 - .0117), none of a million next to 0."""
    rates = TwoRates(xt=0, nt=1_000_000, xc=1, nc=2)
    low = 1 - (1 - 0.0117) ** 0.5
    high = 1 - 0.0117 ** (1 / 1_000_000)

    assert is_surely_beyond(rates, "higher", low - high - 1e-9, 0.0234)
    assert not is_surely_beyond(rates, "higher", low - high + 1e-9, 0.0234)
    # None of the control's, or all of the treatment's, cannot be surely worse by anything.
    assert not is_surely_beyond(TwoRates(5, 10, 0, 10), "higher", 1e-9, 0.0234)
    assert not is_surely_beyond(TwoRates(10, 10, 5, 10), "higher", 1e-9, 0.0234)

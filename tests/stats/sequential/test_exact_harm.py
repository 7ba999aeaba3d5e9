"""The exact deviate of few events, against scipy's binomial distribution."""

import pytest
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.guards import exact_z
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

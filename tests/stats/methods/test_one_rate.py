"""One arm's rate: Wilson, Clopper–Pearson and Jeffreys, at every count."""

from collections.abc import Callable
from typing import Literal

import pytest
from fairlift_stats import BadQuestion, BadSummary, TooFewUnits
from fairlift_stats.effects import Interval
from fairlift_stats.methods.one_rate import clopper_pearson, jeffreys, wilson
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

Method = Literal["wilson", "exact"]
METHODS: tuple[tuple[Callable[..., Interval], Method], ...] = (
    (wilson, "wilson"),
    (clopper_pearson, "exact"),
)


@pytest.mark.parametrize(("x", "n"), [(0, 20), (1, 20), (4, 20), (20, 20), (120, 2400)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_of_a_rate_agree_with_scipy(x: int, n: int, confidence: float) -> None:
    for ours, method in METHODS:
        expected = binomtest(x, n).proportion_ci(confidence, method=method)
        found = ours(x, n, confidence=confidence)
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12), method


def test_jeffreys_agrees_with_statsmodels_away_from_the_ends() -> None:
    found = jeffreys(4, 20)

    assert (found.low, found.high) == pytest.approx(proportion_confint(4, 20, method="jeffreys"))


def test_jeffreys_reaches_the_ends_that_were_seen() -> None:
    assert jeffreys(0, 20).low == 0.0
    assert jeffreys(20, 20).high == 1.0


def test_impossible_counts_and_confidences_are_refused() -> None:
    with pytest.raises(TooFewUnits):
        wilson(0, 0)
    with pytest.raises(BadSummary):
        wilson(5, 4)
    with pytest.raises(BadSummary):
        clopper_pearson(-1, 4)
    with pytest.raises(BadQuestion, match="between 0 and 1"):
        wilson(1, 4, confidence=95)

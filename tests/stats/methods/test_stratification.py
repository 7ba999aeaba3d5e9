"""Strata take away what lies between them, or are refused."""

import numpy as np
import pytest
from fairlift_stats import BadQuestion, NoEstimate, Summary, TooFewUnits
from fairlift_stats.methods.stratification import mantel_haenszel, post_stratify
from fairlift_stats.methods.two_rates import TwoRates
from scipy import stats


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

    with pytest.raises(BadQuestion, match="is empty"):
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

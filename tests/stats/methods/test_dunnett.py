"""Several arms against one control: Dunnett against scipy and the normal distribution."""

import numpy as np
import pytest
from fairlift_stats import (
    BadQuestion,
)
from fairlift_stats.methods.dunnett import critical_value, loadings, p_values
from scipy import stats


def test_dunnett_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    control, *arms = (rng.normal(loc, 1, n) for loc, n in ((0, 10), (0.9, 12), (0.4, 9)))
    expected = stats.dunnett(*arms, control=control, rng=np.random.default_rng(1))

    df = 31 - 3
    variance = sum(((a - a.mean()) ** 2).sum() for a in (control, *arms)) / df
    lam = loadings(variance / 10, [variance / 12, variance / 9])
    found = p_values(expected.statistic, lam, df)

    assert found == pytest.approx(expected.pvalue, abs=2e-4)  # scipy integrates by random points


def test_dunnett_with_unequal_variances_agrees_with_the_normal_distribution() -> None:
    lam = np.array([0.4, 0.7, 0.9])
    corr = np.outer(lam, lam)
    np.fill_diagonal(corr, 1)
    joint = stats.multivariate_normal(cov=corr)

    critical = float(critical_value(0.05, lam))

    edge = np.full(3, critical)
    inside = joint.cdf(edge, lower_limit=-edge, rng=np.random.default_rng(0))
    assert inside == pytest.approx(0.95, abs=1e-4)
    assert p_values(np.full(3, critical), lam) == pytest.approx([0.05] * 3, abs=1e-8)


def test_one_arm_needs_no_adjusting() -> None:
    assert float(critical_value(0.05, [0.7])) == pytest.approx(stats.norm.ppf(0.975))
    assert float(critical_value(0.05, [0.7], 9.0)) == pytest.approx(stats.t.ppf(0.975, 9))
    assert p_values([2.1], [0.7]) == pytest.approx([2 * stats.norm.sf(2.1)])
    assert p_values([2.1], [0.7], 9.0) == pytest.approx([2 * stats.t.sf(2.1, 9)])


def test_far_tails_do_not_round_to_nothing() -> None:
    found = p_values([12.0, 1.0], [0.7, 0.7])

    assert found[0] == pytest.approx(4 * stats.norm.sf(12), rel=1e-6)


def test_an_alpha_that_is_none_is_refused() -> None:
    with pytest.raises(BadQuestion, match="alpha"):
        critical_value(1.0, [0.5, 0.5])

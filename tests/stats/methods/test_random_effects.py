"""How much groups differ: published values and statsmodels."""

import numpy as np
import pytest
from fairlift_stats import (
    BadQuestion,
    TooFewUnits,
)
from fairlift_stats.bayes.segment_shrinkage import SegmentPrior
from fairlift_stats.methods.random_effects import (
    heterogeneity,
    james_stein,
    paule_mandel,
    random_effects,
)
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

# Colditz et al. (1994), BCG vaccine, as in R's metafor: log relative risks and their variances.
BCG_Y = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209, 0.0120, -0.4694, -1.3713,
         -0.3394, 0.4459, -0.0173]  # fmt: skip


BCG_V = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730, 0.0124,
         0.5325, 0.0714]  # fmt: skip


def test_spread_between_groups_agrees_with_published_and_statsmodels() -> None:
    # Viechtbauer (2010), table of estimators for these data: DL 0.3088, REML 0.3132, PM 0.3181.
    for how, published in (("DL", 0.3088), ("REML", 0.3132), ("PM", 0.3181)):
        assert random_effects(BCG_Y, BCG_V, tau_method=how).tau2 == pytest.approx(  # type: ignore[arg-type]
            published, abs=2e-3
        )
    expected = combine_effects(np.array(BCG_Y), np.array(BCG_V), method_re="pm", atol=1e-12)
    found = paule_mandel(BCG_Y, BCG_V)
    assert found.tau2 == pytest.approx(expected.tau2, rel=1e-5)
    assert found.mean == pytest.approx(expected.mean_effect_re, rel=1e-5)
    assert found.heterogeneity.q == pytest.approx(expected.q)
    assert found.heterogeneity.p_value == pytest.approx(stats.chi2.sf(expected.q, 12))


def test_groups_alike_share_one_effect() -> None:
    found = paule_mandel([0.1, 0.1, 0.1], [0.01, 0.02, 0.04])

    assert found.tau2 == 0
    assert found.shrunk == pytest.approx([0.1] * 3)
    assert found.heterogeneity.i2 == 0
    assert found.heterogeneity.q == pytest.approx(0, abs=1e-20)


def test_huge_spreads_are_found_too() -> None:
    found = paule_mandel([0.0, 1000.0, -800.0], [1.0, 1.0, 1.0])

    assert found.tau2 == pytest.approx(np.var([0, 1000, -800], ddof=1) - 1, rel=1e-9)


def test_groups_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(TooFewUnits):
        heterogeneity([0.1], [0.1])
    with pytest.raises(BadQuestion, match="pair up"):
        heterogeneity([0.1, 0.2], [0.1])
    with pytest.raises(BadQuestion, match="positive"):
        heterogeneity([0.1, 0.2], [0.1, 0.0])
    with pytest.raises(BadQuestion, match="DL, PM or REML"):
        random_effects([0.1, 0.2], [0.1, 0.1], tau_method="ML")  # type: ignore[arg-type]
    with pytest.raises(TooFewUnits):
        james_stein([0.1, 0.2, 0.3], 0.1)
    with pytest.raises(BadQuestion, match="scales"):
        SegmentPrior(0.0)


def test_equal_values_shrink_to_their_mean() -> None:
    mean, factor, shrunk = james_stein([0.2] * 5, 0.01)

    assert mean == pytest.approx(0.2)
    assert factor == 0
    assert shrunk == pytest.approx([0.2] * 5)

"""Many comparisons: adjusted p-values, Dunnett, segments, and how much groups differ."""

import math
from typing import Any

import numpy as np
import pytest
from fairlift_stats import (
    Analysis,
    BadQuestion,
    Mean,
    Rate,
    Ratio,
    Reason,
    Summary,
    TooFewUnits,
    UnknownVariant,
)
from fairlift_stats.bayes.segment_shrinkage import SegmentPrior, fit_segments, log_lift
from fairlift_stats.methods.dunnett import critical_value, loadings, p_values
from fairlift_stats.methods.multiplicity import adjusted_p, holm_families
from fairlift_stats.methods.random_effects import (
    heterogeneity,
    james_stein,
    paule_mandel,
    random_effects,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from tests.stats.strategies import shop, summary_of

p_lists = st.lists(st.floats(0, 0.99), min_size=1, max_size=12)


@given(p_lists, st.sampled_from(["bonferroni", "sidak", "holm", "holm-sidak", "hommel"]))
def test_adjusted_p_agrees_with_statsmodels(p: list[float], how: Any) -> None:
    assert adjusted_p(p, how) == pytest.approx(multipletests(p, method=how)[1], abs=1e-12)


@given(
    p_lists, st.sampled_from([("hochberg", "simes-hochberg"), ("BH", "fdr_bh"), ("BY", "fdr_by")])
)
def test_step_up_agrees_with_statsmodels(p: list[float], how: Any) -> None:
    expected = multipletests(p, method=how[1])[1]

    assert adjusted_p(p, how[0]) == pytest.approx(expected, abs=1e-12)


def test_adjusting_refuses_what_is_no_p() -> None:
    assert adjusted_p([0.2, 0.1], "none").tolist() == [0.2, 0.1]
    with pytest.raises(BadQuestion, match="between 0 and 1"):
        adjusted_p([0.1, math.nan], "holm")
    with pytest.raises(BadQuestion, match="not known"):
        adjusted_p([0.1], "magic")  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_holm_over_families_is_holm_over_their_best(rows: list[tuple[float, float]]) -> None:
    p = np.array(rows)

    found = np.array(holm_families(rows))

    assert found.min(axis=1) == pytest.approx(adjusted_p(p.min(axis=1), "holm"), abs=1e-12)
    assert (found >= p - 1e-15).all()
    assert (np.diff(found, axis=1) * np.diff(p, axis=1) >= 0).all()


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


def test_segments_agree_with_a_sampler() -> None:
    # Independent of the grid: importance sampling from the prior.
    y, v = np.array([0.3, 0.05, -0.1]), np.array([0.04, 0.01, 0.02])
    rng = np.random.default_rng(4)
    tau, mu = np.abs(rng.normal(0, 0.25, 400_000)), rng.normal(0, 0.5, 400_000)
    spread = v + tau[:, None] ** 2
    weight = np.exp(-0.5 * (np.log(spread) + (y - mu[:, None]) ** 2 / spread).sum(axis=1))
    weight /= weight.sum()
    kept = tau[:, None] ** 2 / spread
    expected = weight @ (kept * y + (1 - kept) * mu[:, None])

    found = fit_segments({str(i): (y[i], v[i]) for i in range(3)})

    assert [s.shrunk for s in found.segments] == pytest.approx(expected, abs=3e-3)
    assert found.mean == pytest.approx(weight @ mu, abs=3e-3)
    assert found.tau == pytest.approx(weight @ tau, abs=3e-3)
    draws = kept * y + (1 - kept) * mu[:, None] + rng.normal(size=kept.shape) * np.sqrt(kept * v)
    order = np.argsort(draws[:, 0])
    cdf = np.cumsum(weight[order])
    low, high = draws[order, 0][np.searchsorted(cdf, [0.025, 0.975])]
    interval = found.segments[0].interval
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.01)


def _cells(sizes: dict[str, int], lift: float = 1.0) -> dict[str, dict[str, Summary]]:
    return {
        name: {
            variant: summary_of(shop(n, conversion=0.1 * factor, seed=hash((n, variant)) % 997))
            for variant, factor in (("control", 1.0), ("b", lift))
        }
        for name, n in sizes.items()
    }


def test_a_segment_of_twenty_is_shrunk_and_told_what_it_would_need() -> None:
    cells = _cells({"web": 8000, "app": 6000})
    cells["tiny"] = {
        "control": Summary.from_sums(20, {"converted": 1}, {}),
        "b": Summary.from_sums(20, {"converted": 4}, {}),
    }
    analysis = Analysis(primary=(Rate("conversion_rate", "converted"),))

    family = analysis.segments(cells)[0]

    tiny = family.segments[2]
    assert tiny.n == 40
    assert tiny.raw > 1.0
    assert abs(tiny.lift) < 0.15
    assert tiny.sentence.startswith("tiny: cannot conclude; on its own it would need about ")
    assert tiny.sentence.endswith(" visitors to detect a lift of 10%.")
    assert family.heterogeneity is not None
    assert family.average is not None
    assert not family.left_out


def test_a_clear_effect_is_claimed_in_its_direction() -> None:
    cells = _cells({"web": 20_000, "app": 20_000}, lift=2.0)

    def sentences(direction: Any) -> list[str]:
        metric = Rate("r", "converted", direction=direction)
        return [s.sentence for s in Analysis(primary=(metric,)).segments(cells)[0].segments]

    assert all("better" in s for s in sentences("higher"))
    assert all("worse" in s for s in sentences("lower"))


def test_segments_without_an_answer_are_named() -> None:
    cells = _cells({"web": 3000, "app": 2000})
    nobody = Summary.from_rows({c: [] for c in ("converted", "orders", "revenue", "pre_revenue")})
    cells["nobody"] = {"control": nobody, "b": nobody}
    analysis = Analysis(
        primary=(
            Rate("r", "converted", covariates=("pre_revenue",)),
            Mean("m", "revenue", covariates=("pre_revenue",)),
            Ratio("t", "revenue", "orders", covariates=(("pre_revenue", "converted"),)),
        ),
    )

    for family in analysis.segments(cells):
        assert [s.segment for s in family.segments] == ["web", "app"]
        assert set(family.left_out) == {"nobody"}
        assert family.segments[0].adjusted_p >= family.segments[0].p_value

    few = analysis.segments({"web": cells["web"], "nobody": cells["nobody"]})[0]
    assert few.segments == ()
    assert few.left_out["web"].reason is Reason.TOO_FEW_UNITS
    assert few.average is None


def test_segments_need_the_same_variants() -> None:
    cells = _cells({"web": 300, "app": 200})
    analysis = Analysis(primary=(Rate("r", "converted"),))

    with pytest.raises(UnknownVariant, match="there are none"):
        analysis.segments({})
    with pytest.raises(UnknownVariant, match="same variants"):
        analysis.segments({**cells, "app": {"control": cells["app"]["control"]}})


def test_a_log_lift_has_an_answer_at_zero() -> None:
    effect, variance = log_lift(0, 20, 3, 20)

    assert float(effect) == pytest.approx(math.log(0.5 / 3.5))
    assert float(variance) == pytest.approx(1 / 0.5 - 1 / 20.5 + 1 / 3.5 - 1 / 20.5)

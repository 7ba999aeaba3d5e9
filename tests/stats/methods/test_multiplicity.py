"""Adjusted p-values against statsmodels, and Holm over metrics with several arms."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from fairlift_stats import (
    BadQuestion,
)
from fairlift_stats.methods.dunnett import p_values
from fairlift_stats.methods.multiplicity import adjusted_p, holm_families
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

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


@pytest.mark.parametrize("p", [[-1e-9], [1 + 1e-9], [0.5, 2.0], [[0.1, 0.2]]], ids=str)
def test_a_family_is_one_list_of_probabilities(p: Any) -> None:
    with pytest.raises(BadQuestion, match="one family, each between 0 and 1"):
        adjusted_p(p, "holm")


@pytest.mark.parametrize("how", ["none", "holm", "sidak", "holm-sidak", "hommel", "BH", "BY"])
def test_the_ends_are_probabilities_too(how: Any) -> None:
    assert adjusted_p([0.0, 1.0], how).tolist() == [0.0, 1.0]
    assert adjusted_p([], how).tolist() == []
    assert adjusted_p(0.25, how) == pytest.approx([0.25])


def test_the_factor_falls_only_when_every_arm_of_a_metric_is_rejected() -> None:
    adjusted = holm_families([[1e-6, 0.30], [0.04, 0.50]])

    # By closed testing: {1b, 2a} is tested by Bonferroni at 2 × 0.04, {1b, 2b} at 2 × 0.30.
    assert adjusted == [pytest.approx([2e-6, 0.60]), pytest.approx([0.08, 0.60])]


families = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=3), min_size=1, max_size=3)


@given(families)
def test_holm_over_metrics_is_the_closure_of_bonferroni(p: list[list[float]]) -> None:
    """Every intersection of hypotheses, one by one: Bonferroni over the metrics that it touches."""
    hypotheses = [(i, j) for i, arms in enumerate(p) for j in range(len(arms))]
    expected = dict.fromkeys(hypotheses, 0.0)
    for size in range(1, len(hypotheses) + 1):
        for joint in combinations(hypotheses, size):
            least = min(p[i][j] for i, j in joint)
            value = min(1.0, len({i for i, _ in joint}) * least)
            for hypothesis in joint:
                expected[hypothesis] = max(expected[hypothesis], value)

    adjusted = holm_families(p)

    for (i, j), value in expected.items():
        assert adjusted[i][j] == pytest.approx(value, abs=1e-15)


def test_holm_over_single_arms_is_holm() -> None:
    p = [0.01, 0.04, 0.03, 0.6]

    adjusted = [arm for (arm,) in holm_families([[value] for value in p])]

    assert adjusted == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_four_metrics_of_four_arms_hold_the_error_rate_of_the_family() -> None:
    # One arm of each of three metrics works; every other arm is the same as the control.
    rng = np.random.default_rng(10)
    runs, metrics, arms, alpha = 4000, 4, 4, 0.05
    works = np.zeros((metrics, arms), bool)
    works[:3, 0] = True
    control = rng.standard_normal((runs, metrics, 1))
    z = (rng.standard_normal((runs, metrics, arms)) - control) / math.sqrt(2) + 8.0 * works
    joint = p_values(z, np.full(arms, math.sqrt(0.5)))

    false = sum(
        bool((np.array(holm_families(run.tolist())) < alpha)[~works].any()) for run in joint
    )

    assert stats.binomtest(false, runs, alpha, alternative="greater").pvalue > 1e-3

"""Adjusted p-values against statsmodels, and Holm over metrics with several arms."""

import math
from typing import Any

import numpy as np
import pytest
from fairlift_stats import (
    BadQuestion,
)
from fairlift_stats.methods.multiplicity import adjusted_p, holm_families
from hypothesis import given
from hypothesis import strategies as st
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


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_holm_over_families_is_holm_over_their_best(rows: list[tuple[float, float]]) -> None:
    p = np.array(rows)

    found = np.array(holm_families(rows))

    assert found.min(axis=1) == pytest.approx(adjusted_p(p.min(axis=1), "holm"), abs=1e-12)
    assert (found >= p - 1e-15).all()
    assert (np.diff(found, axis=1) * np.diff(p, axis=1) >= 0).all()

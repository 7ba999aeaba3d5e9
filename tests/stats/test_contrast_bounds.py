"""Contrasts on both sides of each bound, and where their spread or their tail gives out."""

import math
from dataclasses import replace
from typing import Any

import pytest
from fairlift_stats.effects import CannotSayCode
from fairlift_stats.errors import BadSummary
from fairlift_stats.methods.contrast import NON_INFERIORITY_LEVEL, Contrast, Margin
from fairlift_stats.methods.two_rates import TwoRates
from scipy import stats


@pytest.mark.parametrize(
    "changes",
    [
        {"control_variance": 0.0},
        {"treatment_variance": 0.0},
        {"control": -3.0},
        {"treatment": -3.0},
        {"covariance": -0.01},
        {"df": 1e-9},
        {"df": math.inf},
    ],
    ids=str,
)
def test_figures_that_data_can_give_are_taken(changes: dict[str, Any]) -> None:
    made = replace(Contrast(2.0, 2.2, 0.01, 0.01), **changes)

    assert {name: getattr(made, name) for name in changes} == changes


@pytest.mark.parametrize(
    "changes",
    [
        {"control_variance": -1e-9},
        {"treatment_variance": -1e-9},
        {"control": math.nan},
        {"treatment": math.inf},
        {"control_variance": math.inf},
        {"treatment_variance": math.nan},
        {"covariance": math.nan},
        {"df": 0.0},
        {"df": -1.0},
        {"df": math.nan},
    ],
    ids=str,
)
def test_figures_that_no_data_give_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadSummary, match="variances 0 or more"):
        replace(Contrast(2.0, 2.2, 0.01, 0.01), **changes)


def test_a_contrast_has_a_difference_a_lift_and_an_error() -> None:
    made = Contrast(2.0, 2.5, 0.04, 0.09, 0.02)

    assert made.difference == pytest.approx(0.5)
    assert made.lift == pytest.approx(0.25)
    assert made.se == pytest.approx(math.sqrt(0.04 + 0.09 - 2 * 0.02))
    # More covariance than variance is rounding: nothing varies.
    assert Contrast(2.0, 2.5, 0.01, 0.01, 0.02).se == 0.0


def test_all_against_none_has_the_error_of_both_together() -> None:
    """Ten of ten against none of thirty: .25 of all, so .25 × .75 × (1/10 + 1/30)."""
    none = Contrast(0.0, 1.0, 0.0, 0.0, rates=TwoRates(10, 10, 0, 30))
    some = Contrast(0.1, 1.0, 0.003, 0.0, rates=TwoRates(10, 10, 3, 30))

    assert none.se == pytest.approx(math.sqrt(0.25 * 0.75 * (1 / 10 + 1 / 30)))
    assert some.se == pytest.approx(math.sqrt(0.003))
    assert Contrast(0.0, 1.0, 0.0, 0.0).se == 0.0


@pytest.mark.parametrize(
    ("contrast", "k", "expected"),
    [
        # A control that stands 20 errors from zero.
        (Contrast(2.0, 2.2, 0.01, 0.01), 20.0, CannotSayCode.CONTROL_NEAR_ZERO),
        (Contrast(2.0, 2.2, 0.01, 0.01), 19.999, None),
        (Contrast(2.0, 2.2, 0.0, 0.01), 1e9, None),
        (Contrast(-2.0, 2.2, 0.01, 0.01), 0.0, CannotSayCode.NOT_POSITIVE),
        (Contrast(0.0, 2.2, 0.01, 0.01), 0.0, CannotSayCode.CONTROL_ZERO),
        # Nothing in the treatment, and nothing that varies; each alone has a lift.
        (Contrast(2.0, 0.0, 0.01, 0.0), 2.0, CannotSayCode.TREATMENT_ZERO),
        (Contrast(2.0, 0.0, 0.01, 0.01), 2.0, None),
        (Contrast(2.0, 2.2, 0.01, 0.0), 2.0, None),
        (Contrast(0.5, 0.1, 0.01, 0.0, rates=TwoRates(1, 10, 5, 10)), 99.0, None),
        (
            Contrast(0.0, 0.5, 0.0, 0.0, rates=TwoRates(5, 10, 0, 10)),
            0.0,
            CannotSayCode.CONTROL_ZERO,
        ),
    ],
)
def test_a_lift_is_refused_from_the_bound_on(
    contrast: Contrast, k: float, expected: CannotSayCode | None
) -> None:
    assert contrast.no_lift(k) is expected


def test_students_tail_is_used_below_a_million_degrees_of_freedom() -> None:
    def z(df: float, t: float = 2.5) -> Any:
        return Contrast(0.0, t, 0.5, 0.5, df=df).non_inferiority_z(
            Margin(0.0, True), "higher", 1.96
        )

    for df in (1.0, 8.0, 1000.0):
        assert z(df) == pytest.approx(stats.norm.isf(stats.t.sf(2.5, df)), rel=1e-9)
        assert z(df, -2.5) == pytest.approx(-z(df))
        limit = Contrast(0.0, 2.5, 0.5, 0.5, df=df).difference_limit(1.96)
        assert limit == pytest.approx(2.5 - stats.t.isf(stats.norm.sf(1.96), df), rel=1e-9)
        above = Contrast(0.0, 2.5, 0.5, 0.5, df=df).difference_limit(-1.96)
        assert above == pytest.approx(2.5 + stats.t.isf(stats.norm.sf(1.96), df), rel=1e-9)
    assert z(999_999.0) != 2.5
    assert z(1_000_000.0) == z(math.inf) == 2.5
    # A tail below the smallest double has no deviate: the statistic stands for it.
    assert z(999_999.0, 60.0) == 60.0
    assert z(999_999.0, -60.0) == -60.0


def test_what_does_not_vary_is_certain() -> None:
    certain = Contrast(2.0, 3.0, 0.0, 0.0)

    assert certain.non_inferiority_z(Margin(0.25), "higher", 1.96) == math.inf
    assert certain.non_inferiority_z(Margin(0.25), "lower", 1.96) == -math.inf
    assert certain.non_inferiority_z(Margin(0.5), "lower", 1.96) == 0.0
    assert certain.non_inferiority_z(Margin(1.0, is_absolute=True), "lower", 1.96) == 0.0
    assert certain.non_inferiority_z(Margin(0.5, is_absolute=True), "lower", 1.96) == -math.inf


@pytest.mark.parametrize("control", [0.0, -1.0])
def test_a_share_of_what_is_not_above_zero_is_no_question(control: float) -> None:
    made = Contrast(control, 1.0, 0.01, 0.01)

    assert made.non_inferiority_z(Margin(0.1), "higher", 1.96) is None
    assert made.non_inferiority_z(Margin(0.1, is_absolute=True), "higher", 1.96) is not None


def test_a_share_of_a_control_that_is_not_told_from_zero_is_no_question() -> None:
    """By the k of the page: standard errors of 0.1; Student's 2.2281 for 1.96 at 10 degrees."""

    def has_share(control: float, df: float = math.inf, k: float = 1.959964) -> bool:
        made = Contrast(control, 1.0, 0.01, 0.01, df=df)
        answers = {made.non_inferiority_z(Margin(0.1), "higher", k) is not None, made.has_share(k)}
        assert answers == {made.no_lift(k) is None}
        return answers == {True}

    assert [has_share(0.1959), has_share(0.1961)] == [False, True]
    assert [has_share(0.2999, k=3.0), has_share(0.3001, k=3.0)] == [False, True]
    assert [has_share(0.2228, 10), has_share(0.2229, 10)] == [False, True]
    # A treatment that has nothing is no share that cannot be judged: it is none of the control.
    nothing = Contrast(1.0, 0.0, 0.01, 0.0)
    assert nothing.non_inferiority_z(Margin(0.1), "higher", 1.96) == pytest.approx(-10.0)
    # Rates are judged by their counts: a control with one event has a share.
    rates = Contrast(0.001, 0.01, 1e-6, 1e-5, rates=TwoRates(xt=10, nt=1000, xc=1, nc=1000))
    assert rates.non_inferiority_z(Margin(0.1), "higher", 1.96) is not None


def test_safety_is_shown_at_five_per_cent_one_sided() -> None:
    assert NON_INFERIORITY_LEVEL == 0.05

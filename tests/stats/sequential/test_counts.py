import math
from fractions import Fraction
from itertools import product

import pytest
from fairlift_stats.sequential.anytime.counts import (
    conversion_test,
    counts_log_e,
    prior_strength,
    sample_ratio_by_part,
    sample_ratio_over_time,
    share_interval,
    share_log_e,
)
from fairlift_stats.sequential.anytime.mixture import log_e_value, tuning_constant
from fairlift_stats.sequential.errors import BadLevel, NotANumber, ZeroVariance
from hypothesis import given
from hypothesis import strategies as st

counts = st.integers(0, 400)


def _one_by_one(counts: tuple[int, ...], shares: tuple[Fraction, ...], k: int) -> Fraction:
    """The same evidence as a product of what each unit was predicted to be (Polya's urn)."""
    seen, e = [Fraction(0)] * len(counts), Fraction(1)
    for arm, count in enumerate(counts):
        for _ in range(count):
            predicted = (k * shares[arm] + seen[arm]) / (k + sum(seen))
            e *= predicted / shares[arm]
            seen[arm] += 1
    return e


@pytest.mark.parametrize("seen", [(3, 5), (0, 7), (10, 2)])
def test_the_evidence_is_the_product_of_the_predictions(seen: tuple[int, int]) -> None:
    shares = (Fraction(2, 5), Fraction(3, 5))

    got = math.exp(counts_log_e(seen, [0.4, 0.6], k=10))

    assert got == pytest.approx(float(_one_by_one(seen, shares, 10)))


def test_the_evidence_is_one_on_average_without_an_effect() -> None:
    mean = sum(
        0.3 ** sum(path)
        * 0.7 ** (8 - sum(path))
        * math.exp(counts_log_e([8 - sum(path), sum(path)], [0.7, 0.3], k=4))
        for path in product((0, 1), repeat=8)
    )

    assert mean == pytest.approx(1.0)


def test_many_counts_give_the_mixture_on_their_z() -> None:
    n, k = 400_000, 50_000
    away = 1.5 * math.sqrt(n) / 2

    exact = counts_log_e([n / 2 - away, n / 2 + away], [0.5, 0.5], k=k)

    assert exact == pytest.approx(log_e_value(1.5, n / k), abs=0.001)


def test_a_broken_split_stays_broken() -> None:
    even, odd = [5000, 5000], [5000, 5600]
    checks = sample_ratio_over_time([even, odd, [20_000, 20_600]], [0.5, 0.5], k=1000)

    assert [check.blocks for check in checks] == [False, True, True]
    assert checks[2].e_value < checks[2].largest == checks[1].largest
    assert checks[2].p_value == pytest.approx(1 / checks[2].largest)
    assert checks[1].warns
    assert not checks[0].warns


def test_one_broken_platform_of_five_shows() -> None:
    even, broken = (1000, 1000), (1000, 1300)
    cells = {"ios": even, "android": even, "web": broken, "tv": even, "kiosk": even}

    together, each = sample_ratio_by_part(cells, [0.5, 0.5], k=500)

    assert together > 100
    assert max(each, key=each.__getitem__) == "web"
    assert together == pytest.approx(sum(each.values()) / 5)


def test_the_prior_is_sharpest_at_the_planned_total() -> None:
    assert prior_strength(8.2119681 * 100) == pytest.approx(100, rel=1e-6)
    assert prior_strength(1000, alpha=0.01) == pytest.approx(1000 / tuning_constant(0.01))


@given(control=counts, treatment=counts, share=st.floats(0.1, 0.9))
def test_the_lift_interval_excludes_zero_exactly_when_the_evidence_suffices(
    control: int, treatment: int, share: float
) -> None:
    if control + treatment == 0:
        return

    found = conversion_test(control, treatment, treatment_share=share, k=60)

    enough = found.log_e >= math.log(20)
    assert (found.lift.low > 1e-9 or found.lift.high < -1e-9) == enough


def test_swapping_the_arms_mirrors_the_share() -> None:
    a = conversion_test(300, 360, treatment_share=0.5, k=80)
    b = conversion_test(360, 300, treatment_share=0.5, k=80)

    assert a.log_e == pytest.approx(b.log_e)
    assert a.share.low == pytest.approx(1 - b.share.high)


def test_nobody_in_the_control_leaves_the_lift_open_above() -> None:
    found = conversion_test(0, 40, k=10)

    assert found.lift.high == math.inf
    assert found.share.high == 1.0
    assert conversion_test(40, 0, k=10).share.low == 0.0


def test_no_units_leave_every_share_open() -> None:
    found = share_interval(0, 0, prior=(1, 1))

    assert (found.low, found.high) == (0.0, 1.0)


def test_the_share_interval_ends_where_the_evidence_reaches_its_level() -> None:
    found = share_interval(100, 1900, prior=(1, 1), alpha=0.1)

    for edge in (found.low, found.high):
        assert share_log_e(100, 1900, edge, prior=(1, 1)) == pytest.approx(math.log(10))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: prior_strength(0), NotANumber),
        (lambda: counts_log_e([1, 2], [0.5, 0.4], k=1), NotANumber),
        (lambda: counts_log_e([1, 2], [1.5, -0.5], k=1), NotANumber),
        (lambda: counts_log_e([1], [1.0], k=1), NotANumber),
        (lambda: counts_log_e([1, -2], [0.5, 0.5], k=1), NotANumber),
        (lambda: counts_log_e([1, math.nan], [0.5, 0.5], k=1), NotANumber),
        (lambda: counts_log_e([1, 2], [0.5, 0.5], k=0), NotANumber),
        (lambda: sample_ratio_by_part({}, [0.5, 0.5], k=1), NotANumber),
        (lambda: conversion_test(0, 0, k=1), ZeroVariance),
        (lambda: conversion_test(1, 1, k=1, alpha=0), BadLevel),
        (lambda: share_log_e(1, 1, 0.5, prior=(0, 1)), NotANumber),
        (lambda: share_log_e(1, 1, 1.0, prior=(1, 1)), BadLevel),
        (lambda: share_interval(1, 1, prior=(1, 1), alpha=1), BadLevel),
    ],
)
def test_counts_that_are_none_are_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()  # type: ignore[operator]

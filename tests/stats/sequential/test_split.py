"""Are units split as planned? The evidence by its formula, and the figures that are told of it."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.sequential.anytime.counts import prior_strength, sample_ratio_by_part
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog, TrafficPart
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.sample_ratio import log_e_values, sample_ratio_of
from scipy import stats

from tests.stats.sequential.shop import CR

SHARES = (0.5, 0.3, 0.2)
PLAN = SequentialPlan(
    ("control", "a", "b"), (CR,), 20_000, shares=SHARES, maximum_days=28, decide="daily"
)


def log_of(*days: tuple[int, int, int], parts: tuple[TrafficPart, ...] = ()) -> LookLog:
    log = LookLog.begin(PLAN)
    for day, entered in enumerate(days, start=1):
        # Fewer are mature than have entered: the split is judged by those that entered.
        counts = tuple(
            ArmCount(arm, n // 2, n // 40, n // 40, n)
            for arm, n in zip(PLAN.arms, entered, strict=True)
        )
        log = log.add(PLAN, Look(f"2026-11-{day:02}", day, counts, parts=parts))
    return log


def evidence_against(units: tuple[int, ...], k: float) -> float:
    """The Dirichlet-multinomial's likelihood over that of the planned shares, as a logarithm."""
    log_e = math.lgamma(k) - math.lgamma(k + sum(units))
    for x, share in zip(units, SHARES, strict=True):
        log_e += math.lgamma(k * share + x) - math.lgamma(k * share) - x * math.log(share)
    return log_e


def test_the_evidence_is_that_of_the_dirichlet_multinomial_at_each_look() -> None:
    days = ((520, 290, 190), (1100, 560, 340))

    found = log_e_values(PLAN, log_of(*days))

    k = prior_strength(20_000)
    assert found == pytest.approx([evidence_against(units, k) for units in days], abs=1e-9)


def test_the_figures_are_of_the_look_with_the_strongest_evidence() -> None:
    # The second look is the oddest; at the third the split has come back.
    days = ((500, 300, 200), (1000, 480, 520), (1990, 1210, 800))

    found = sample_ratio_of(PLAN, log_of(*days))

    assert found.worst_arm == "b"
    assert found.observed == pytest.approx(520 / 2000)
    assert found.planned == 0.2
    assert found.excess == pytest.approx(520 - 400)
    assert found.check.warns
    assert not found.in_parts
    assert found.at == log_of(*days).looks[1].at
    assert sample_ratio_of(PLAN, log_of(*days[:2])).at is None
    # Pearson's statistic is that of the last look.
    expected = stats.chisquare(days[-1], [4000 * share for share in SHARES])
    assert found.chi_square == pytest.approx(expected.statistic)
    assert found.chi_square_p == pytest.approx(expected.pvalue)


def test_the_worst_arm_is_the_one_furthest_for_its_size() -> None:
    # 60 too many of 500 are 7.2, 40 too few of 300 are 5.33, 20 too few of 200 are 2.
    found = sample_ratio_of(PLAN, log_of((560, 260, 180)))

    assert (found.worst_arm, found.planned) == ("control", 0.5)
    assert (found.observed, found.excess) == pytest.approx((0.56, 60.0))
    assert found.chi_square == pytest.approx(7.2 + 16 / 3 + 2)
    lacking = sample_ratio_of(PLAN, log_of((520, 320, 160)))
    assert lacking.worst_arm == "b"
    assert lacking.excess == pytest.approx(-40.0)


def test_before_anybody_has_come_the_split_is_as_planned() -> None:
    found = sample_ratio_of(PLAN, log_of((0, 0, 0)))

    assert (found.observed, found.planned) == (0.5, 0.5)
    assert (found.excess, found.chi_square, found.chi_square_p) == (0.0, 0.0, 1.0)
    assert not found.check.warns


def test_parts_are_judged_beside_all_units_with_half_the_weight_each() -> None:
    parts = (TrafficPart("web", (340, 80, 80)), TrafficPart("app", (160, 220, 120)))
    log = log_of((500, 300, 200), parts=parts)
    k = prior_strength(20_000)

    of_all = math.exp(evidence_against((500, 300, 200), k))
    each, _ = sample_ratio_by_part({part.name: part.units for part in parts}, SHARES, k=k / 2)
    assert log_e_values(PLAN, log) == pytest.approx([math.log((of_all + each) / 2)])
    assert of_all < 20 < (of_all + each) / 2
    found = sample_ratio_of(PLAN, log)
    assert (found.in_parts, found.check.warns) == (True, True)


def test_a_fault_of_all_units_is_not_called_one_of_their_parts() -> None:
    parts = (TrafficPart("web", (900, 100, 0)),)

    found = sample_ratio_of(PLAN, log_of((900, 100, 0), parts=parts))

    assert (found.in_parts, found.check.warns) == (False, True)
    huge = replace(PLAN, n_max=20_000_000)
    # Evidence beyond the largest double does not overflow.
    counts = (ArmCount("control", 9_000_000), ArmCount("a", 500_000), ArmCount("b", 500_000))
    seen = Look("2026-11-01", 1, counts, parts=(TrafficPart("web", (9_000_000, 1, 1)),))
    assert log_e_values(huge, LookLog.begin(huge).add(huge, seen))[0] > 699


def test_evidence_beyond_the_largest_double_counts_as_e_to_the_700() -> None:
    """Split for half: parts that are split as planned bring next to nothing to the other half."""
    parts = (TrafficPart("phone", (500, 300, 200)),)
    alone = log_e_values(PLAN, log_of((18_000, 1_000, 1_000)))[0]

    found = log_e_values(PLAN, log_of((18_000, 1_000, 1_000), parts=parts))[0]

    assert alone > 1_000
    assert found == pytest.approx(700 - math.log(2), abs=1e-9)

import math
import re

import numpy as np
import pytest
from fairlift_stats.locale import text
from fairlift_stats.sequential.anytime.expected_loss import (
    LossRule,
    expected_losses,
    shrunk_lift,
    stopping_table,
)
from fairlift_stats.sequential.bandit.allocation import (
    Allocation,
    p_best_normal,
    top_two_shares,
    with_floor,
)
from fairlift_stats.sequential.bandit.effects import (
    ArmDay,
    DayContrasts,
    batched_least_squares,
    precision_weighted,
    stratified_sequence,
    weighted_aipw,
)
from fairlift_stats.sequential.errors import BadPlan, FlatPrior, NotANumber, ZeroVariance
from hypothesis import given
from hypothesis import strategies as st

means = st.lists(st.floats(-2, 2), min_size=2, max_size=5)


@given(mean=means, sd=st.floats(0.2, 2))
def test_chances_to_be_best_sum_to_one_and_follow_the_means(mean: list[float], sd: float) -> None:
    p = p_best_normal(mean, [sd] * len(mean))

    assert sum(p) == pytest.approx(1)
    assert max(range(len(p)), key=p.__getitem__) in [
        i for i, m in enumerate(mean) if m >= max(mean) - 1e-6
    ]


def test_two_arms_have_the_closed_form() -> None:
    p = p_best_normal([0.0, 1.0], [0.6, 0.8])

    assert p[1] == pytest.approx(0.5 * (1 + math.erf(1 / math.sqrt(2))), abs=1e-12)


def test_one_arm_far_better_known_keeps_its_accuracy() -> None:
    p = p_best_normal([0.0, 0.1], [1e-6, 0.1])

    assert p[1] == pytest.approx(0.5 * (1 + math.erf(1 / math.sqrt(2))), abs=1e-5)


@given(weights=st.lists(st.floats(0.01, 1), min_size=3, max_size=6), beta=st.floats(0.2, 0.9))
def test_top_two_shares_sum_to_one_and_keep_the_order(weights: list[float], beta: float) -> None:
    p = [w / sum(weights) for w in weights]

    shares = top_two_shares(p, beta=beta)

    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_a_sure_leader_gets_beta() -> None:
    assert top_two_shares([0.0, 1.0, 0.0], beta=0.6) == pytest.approx((0.2, 0.6, 0.2))


def test_every_arm_keeps_its_floor_and_waits_for_the_burn_in() -> None:
    rule = Allocation(floor=0.1, top_two=True)
    three, sds = [0.0, 5.0, 1.0], [0.5] * 3

    early = rule.shares(three, sds, day=2, orders=[500] * 3)
    few = rule.shares(three, sds, day=9, orders=[500, 99, 500])
    late = rule.shares(three, sds, day=9, orders=[500] * 3)
    thompson = Allocation().shares(three, sds, day=9, orders=[500] * 3)

    assert early == few == pytest.approx((1 / 3,) * 3)
    assert min(late) >= 0.1
    assert thompson[1] == pytest.approx(0.9, abs=1e-6)


def _days(
    rates: tuple[float, float], shares: list[float], rng: np.random.Generator
) -> list[list[ArmDay]]:
    arms: list[list[ArmDay]] = [[], []]
    for share in shares:
        n = (int(2000 * (1 - share)), int(2000 * share))
        for arm in (0, 1):
            arms[arm].append(ArmDay.of_rate(n[arm], int(rng.binomial(n[arm], rates[arm]))))
    return arms


def test_day_contrasts_do_not_mix_days() -> None:
    # Both rates double on the second day, when most traffic is in the treatment: no effect at all.
    control = [ArmDay.of_rate(1800, 90), ArmDay.of_rate(200, 20)]
    treatment = [ArmDay.of_rate(200, 10), ArmDay.of_rate(1800, 180)]

    days = DayContrasts.of(control, treatment)

    assert batched_least_squares(days).estimate == pytest.approx(0, abs=1e-12)
    assert precision_weighted(days)[0] == pytest.approx(0, abs=1e-12)


def test_batched_least_squares_covers_under_adaptive_shares() -> None:
    rng = np.random.default_rng(9)
    held, runs = 0, 400
    for _ in range(runs):
        arms: list[list[ArmDay]] = [[], []]
        share = 0.5
        for _ in range(10):
            for arm, part in enumerate((1 - share, share)):
                n = int(1000 * part)
                arms[arm].append(ArmDay.of_rate(n, int(rng.binomial(n, 0.1))))
            found = precision_weighted(DayContrasts.of(arms[0], arms[1]))
            share = with_floor(p_best_normal([0.0, found[0]], [1e-9, found[1]]), floor=0.1)[1]
        held += 0 in batched_least_squares(DayContrasts.of(arms[0], arms[1])).interval

    assert abs(held / runs - 0.95) < 3.3 * math.sqrt(0.95 * 0.05 / runs)


def test_the_stratified_sequence_is_wider_than_the_fixed_interval() -> None:
    arms = _days((0.1, 0.12), [0.5] * 8, np.random.default_rng(1))
    days = DayContrasts.of(arms[0], arms[1])
    information = precision_weighted(days)[1] ** -2

    found = stratified_sequence(days, planned_information=information)

    assert found.interval.width > 2 * 1.96 * precision_weighted(days)[1]
    assert found.estimate == pytest.approx(precision_weighted(days)[0])


def test_weighted_aipw_recovers_a_mean_when_shares_move() -> None:
    rng = np.random.default_rng(2)
    shares = [0.5, 0.3, 0.2, 0.1]
    z = []
    for _ in range(300):
        arms = _days((0.1, 0.2), shares, rng)
        mean, se = weighted_aipw(arms, [(1 - s, s) for s in shares], arm=1)
        z.append((mean - 0.2) / se)

    # Shares are fixed counts here, so the spread may only be overstated.
    assert abs(np.mean(z)) < 0.25
    assert np.std(z) < 1.15


def test_a_prior_shrinks_a_lift_by_its_share_of_the_variance() -> None:
    mean, sd = shrunk_lift(0.10, 0.03, prior_sd=0.03)

    assert mean == pytest.approx(0.05)
    assert sd == pytest.approx(0.03 / math.sqrt(2))


def test_the_two_losses_differ_by_the_mean() -> None:
    ship, keep = expected_losses(0.01, 0.02)

    assert keep - ship == pytest.approx(0.01)
    assert expected_losses(1.0, 0.001)[0] == 0.0


def test_the_table_of_a_loss_rule_agrees_with_an_independent_simulation() -> None:
    # 2,000 visitors a day and arm at 3 %: 40,000 runs that drew binomial counts, simulated
    # independently before the library was written.
    se = math.sqrt(2 * 0.03 * 0.97 / 2000) / 0.03
    rule = LossRule(prior_sd=0.03, threshold=0.001, looks=28, se_per_look=se, first_look=1)

    table = stopping_table(rule, effects=(0.0, 0.10, -0.05), rng=np.random.default_rng(6))

    assert table.ships[0] == pytest.approx(0.042, abs=0.008)
    assert table.ships[0] + table.keeps[0] == pytest.approx(0.084, abs=0.01)
    # The variance of binomial counts grows with the effect; the table's does not.
    assert table.ships[1] == pytest.approx(0.843, abs=0.03)
    assert table.ships[2] < 0.005
    assert table.mean_days[0] == pytest.approx(27.4, abs=0.3)
    assert table.right == pytest.approx(0.928, abs=0.02)
    assert table.reported == pytest.approx(table.true, abs=0.002)


def test_a_prior_far_too_wide_ships_what_is_no_better() -> None:
    se = math.sqrt(2 * 0.03 * 0.97 / 2000) / 0.03
    flat = LossRule(prior_sd=1.0, threshold=0.001, looks=28, se_per_look=se, first_look=1)

    table = stopping_table(flat, effects=(0.0,), rng=np.random.default_rng(6), true_sd=0.03)

    # The same independent simulation: .197 shipped without an effect, .792 truly better.
    assert table.ships[0] == pytest.approx(0.197, abs=0.012)
    assert table.right == pytest.approx(0.792, abs=0.02)
    assert table.reported > 5 * table.true
    assert re.match(
        r"With no effect at all, this rule ships (19|20|21) of 100", text(table.message)
    )


def test_a_rule_that_never_ships_has_no_shipped_lift() -> None:
    rule = LossRule(prior_sd=0.001, threshold=1e-9, looks=7, se_per_look=5.0)

    table = stopping_table(rule, effects=(0.0,), rng=np.random.default_rng(6), runs=50)

    assert math.isnan(table.right)
    assert table.ships == (0.0,)


@pytest.mark.parametrize("flat", [None, math.inf, 0.0, math.nan])
def test_a_flat_prior_is_refused_with_the_reason(flat: float | None) -> None:
    with pytest.raises(FlatPrior, match="75 of 100 shipped"):
        shrunk_lift(0.1, 0.1, prior_sd=flat)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: LossRule(prior_sd=math.inf, threshold=0.1, looks=7, se_per_look=1.0), FlatPrior),
        (lambda: LossRule(prior_sd=0.1, threshold=0.1, looks=7, se_per_look=0.0), ZeroVariance),
        (lambda: LossRule(prior_sd=0.1, threshold=0.1, looks=5, se_per_look=0.1), BadPlan),
        (lambda: LossRule(prior_sd=0.1, threshold=1.5, looks=9, se_per_look=0.1), BadPlan),
        (lambda: shrunk_lift(0.1, 0.0, prior_sd=0.1), ZeroVariance),
        (lambda: shrunk_lift(math.nan, 0.1, prior_sd=0.1), NotANumber),
        (lambda: expected_losses(0.1, 0.0), ZeroVariance),
        (lambda: Allocation(floor=0.0), BadPlan),
        (lambda: p_best_normal([1.0], [1.0]), NotANumber),
        (lambda: p_best_normal([1.0, 2.0], [1.0, 0.0]), ZeroVariance),
        (lambda: top_two_shares([0.5, 0.5], beta=0.0), BadPlan),
        (lambda: top_two_shares([0.5, 0.6]), NotANumber),
        (lambda: with_floor([0.5, 0.5], floor=0.6), BadPlan),
        (lambda: ArmDay(0, 0.0, 0.0), NotANumber),
        (lambda: DayContrasts.of([], []), NotANumber),
        (lambda: DayContrasts.of([ArmDay.of_rate(5, 0)], [ArmDay.of_rate(5, 0)]), ZeroVariance),
        (
            lambda: stratified_sequence(
                DayContrasts.of([ArmDay.of_rate(5, 1)], [ArmDay.of_rate(5, 2)]),
                planned_information=0,
            ),
            NotANumber,
        ),
        (lambda: weighted_aipw([[ArmDay.of_rate(5, 1)]], [(0.0,)], arm=0), NotANumber),
        (lambda: weighted_aipw([[ArmDay.of_rate(5, 0)]], [(1.0,)], arm=0), ZeroVariance),
    ],
)
def test_what_no_bandit_can_use_is_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        wrong()  # type: ignore[operator]

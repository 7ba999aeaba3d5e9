"""The figure beside a verdict: the one that decided, with an interval that does not deny it."""

import pytest
from fairlift_stats.messages import Percent, Points
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

from tests.rules.situations import evidence

CR = SequentialMetric("conversion_rate")


def at_one_look(plan: SequentialPlan, found: Evidence, *, day: int = 7) -> Verdict:
    counts = tuple(ArmCount(arm, 500 * day, 200, 200) for arm in plan.arms)
    look = Look(f"2026-11-{1 + day:02}", day, counts, (found,))
    return decide(plan, LookLog.begin(plan).add(plan, look))


def test_harm_under_a_prior_is_told_as_it_was_measured() -> None:
    """The prior has no part in the line of harm; shrunk it read "-2.7 % (-8.5 to +3.1)"."""
    plan = SequentialPlan(
        ("control", "coupon"), (CR,), 28_000, engine="bayes_expected_loss", maximum_days=28
    )
    verdict = at_one_look(plan, evidence("conversion_rate", -3.0, 7_000))

    assert (verdict.kind, verdict.cause) == ("stop_harm", "harm")
    standing = verdict.facts.arms[0]
    assert standing.corrected is not None
    # What it read: drawn towards no change, its interval has zero inside.
    assert standing.corrected.interval.high > 0
    assert verdict.estimate == standing.raw
    assert verdict.estimate is not None
    # z = -3 of a difference of rates with se sqrt(4 .03 .97/7,000), as a share of 3 %.
    lift = -3.0 * (4 * 0.03 * 0.97 / 7_000) ** 0.5 / 0.03
    assert verdict.estimate.lift == pytest.approx(lift)
    assert verdict.number == Percent(verdict.estimate.lift or 0.0, 1, signed=True)
    # The line of a first look at t = 1/4 is -2.383: the interval leaves zero out.
    assert verdict.estimate.interval.high == pytest.approx((1 - 2.383 / 3) * lift * 0.03, rel=2e-3)
    # What the prior promises is not what was promised here.
    keys = [reason.key for reason in verdict.reasons]
    assert "reason.false_alarm" in keys
    assert "reason.loss" not in keys
    assert "reason.shrunk" not in keys


def test_an_absolute_margin_of_a_rate_stands_beside_the_difference_in_points() -> None:
    """-1.20 points is a lift of -40 %: beside a margin of 0.50 points only the first compares."""
    rail = SequentialMetric("cart_rate", role="guardrail", absolute_margin=0.005)
    plan = SequentialPlan(("control", "coupon"), (CR, rail), 28_000, maximum_days=28)
    contrast = Contrast(0.03, 0.018, 1e-6, 1e-6)
    found = Evidence("cart_rate", "coupon", -8.5, contrast, 7_000, (200, 100))
    verdict = at_one_look(plan, found)

    assert (verdict.kind, verdict.cause) == ("stop_harm", "guardrail_harm")
    assert isinstance(verdict.number, Points)
    assert verdict.number.value == pytest.approx(-0.012)
    for language, number in (("en", "-1.20"), ("es", "-1,20"), ("ro", "-1,20")):
        assert f"{number}\N{NO-BREAK SPACE}pp" in verdict.sentence(language)


def test_of_two_arms_that_harm_on_different_days_under_a_prior_each_keeps_its_figure() -> None:
    plan = SequentialPlan(
        ("control", "a", "b"), (CR,), 42_000, engine="bayes_expected_loss", maximum_days=28
    )
    log = LookLog.begin(plan)
    for day, zs in ((7, (-4.0, 0.0)), (14, (-4.0, -5.0))):
        counts = tuple(ArmCount(arm, 500 * day, 200, 200) for arm in plan.arms)
        found = tuple(
            evidence("conversion_rate", z, 1_500 * day, arm=arm)
            for arm, z in zip(plan.treatments, zs, strict=True)
        )
        log = log.add(plan, Look(f"2026-11-{1 + day:02}", day, counts, found))

    verdict = decide(plan, log)

    assert (verdict.kind, verdict.decided_day) == ("stop_harm", 14)
    for standing, date in zip(verdict.facts.arms, ("2026-11-08", "2026-11-15"), strict=True):
        assert standing.raw is not None
        assert (standing.crossed_at, standing.raw.at) == (date, date)
        assert standing.raw.interval.high < 0


@pytest.mark.parametrize(("control", "z", "says_so"), [(75, -2.89, True), (110, -3.50, False)])
def test_harm_that_an_exact_test_showed_says_so_where_the_interval_does_not_show_it(
    control: int, z: float, says_so: bool
) -> None:
    """A tenth of the visitors, and no buyer among them: the exact tail is sharper than the score.

    None of 75 has the tail .9^75 = .00037, z = -3.37; the always-valid line at 1/4 is -3.26. The
    score z is sqrt(75 * 700/6,300) = -2.89 (of 110: -3.50): its interval still has zero inside.
    """
    plan = SequentialPlan(
        ("control", "coupon"), (CR,), 28_000, engine="always_valid", shares=(0.9, 0.1)
    )
    rates = TwoRates(xt=0, nt=700, xc=control, nc=6_300)
    p = control / 6_300
    contrast = Contrast(p, 0.0, p * (1 - p) / 6_300, 1e-12, rates=rates)
    counts = (ArmCount("control", 6_300, control), ArmCount("coupon", 700, 0))
    found = Evidence("conversion_rate", "coupon", z, contrast, 7_000, (control, 0))
    verdict = decide(plan, LookLog.begin(plan).add(plan, Look("2026-11-08", 7, counts, (found,))))

    assert (verdict.kind, verdict.cause) == ("stop_harm", "harm")
    keys = [reason.key for reason in verdict.reasons]
    assert ("reason.exact_harm" in keys) == says_so


def test_the_alarm_of_a_plan_about_money_tells_no_figure_of_conversion() -> None:
    """No buyer in the treatment, 28 in the control, on one day: nothing of it was compared."""
    money = SequentialMetric("revenue_per_visitor", unit="money", needs="orders")
    plan = SequentialPlan(("control", "coupon"), (money,), 28_000, maximum_days=28)
    counts = tuple(
        ArmCount(arm, 500, buyers, buyers, alarm_units=500, alarm_converters=buyers)
        for arm, buyers in (("control", 28), ("coupon", 0))
    )
    verdict = decide(plan, LookLog.begin(plan).add(plan, Look("2026-11-02", 1, counts)))

    assert (verdict.kind, verdict.cause, verdict.variant) == ("stop_harm", "alarm", "coupon")
    assert verdict.estimate is None

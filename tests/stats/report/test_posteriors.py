"""Posteriors of a report add up, and say why where there are none."""

import pytest
from fairlift_stats import (
    SCEPTICAL,
    Analysis,
    CannotSay,
    CannotSayCode,
    Effect,
    LiftPrior,
    Mean,
    Posterior,
    Rate,
    Ratio,
    Summary,
    compare,
)
from fairlift_stats.data.metrics import Direction, Metric

from tests.stats.reports import CONVERSION, GOOD, REVENUE, TICKET, arm_of, three_arms


def test_a_posterior_that_cannot_be_says_why() -> None:
    nobody, one = arm_of(0, 0), arm_of(50, 3, 30.0, 500.0)

    few = compare(REVENUE, GOOD, one).posterior
    same = compare(Mean("m", "revenue"), arm_of(50, 0), arm_of(50, 0)).posterior

    assert isinstance(few, CannotSay)
    assert few.reason is CannotSayCode.TOO_FEW_UNITS
    assert isinstance(same, CannotSay)
    assert same.reason is CannotSayCode.NO_VARIATION
    for metric in (CONVERSION, REVENUE, TICKET):  # the prior alone would look like an answer
        empty = compare(metric, GOOD, nobody).posterior
        assert isinstance(empty, CannotSay)
        assert empty.reason is CannotSayCode.NO_UNITS


def test_a_control_near_zero_has_chances_and_losses_but_no_posterior_of_a_lift() -> None:
    near = Summary.from_rows({"revenue": [50.1, -49.9] * 15 + [0.0] * 170})

    result = compare(Mean("m", "revenue"), near, GOOD)

    assert isinstance(result.difference, Effect)
    assert isinstance(result.lift, CannotSay)
    assert result.lift.reason is CannotSayCode.CONTROL_NEAR_ZERO
    assert isinstance(result.posterior, Posterior)
    assert (result.posterior.lift, result.posterior.interval) == (None, None)
    # Two t posteriors: the chance to be better is near 1 - p/2 of Welch's test.
    assert result.p_value is not None
    assert result.posterior.p_positive == pytest.approx(1 - result.p_value / 2, abs=5e-4)
    assert result.posterior.p_best == pytest.approx(result.posterior.p_positive, abs=1e-6)


@pytest.mark.parametrize("prior", [None, SCEPTICAL], ids=["flat", "sceptical"])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_posteriors_add_up(prior: LiftPrior | None, direction: Direction) -> None:
    metrics: tuple[Metric, ...] = (
        Rate("r", "converted", direction=direction),
        Mean("m", "revenue", buyers="converted", direction=direction),
        Ratio("t", "revenue", "orders", buyers="converted", direction=direction),
    )
    report = Analysis(primary=metrics, prior=prior).report(three_arms())

    for metric in metrics:
        b, c = (report[metric.name, v].posterior for v in ("b", "c"))
        assert isinstance(b, Posterior)
        assert isinstance(c, Posterior)
        assert b.control_p_best + b.p_best + c.p_best == pytest.approx(1)
        for posterior in (b, c):
            assert posterior.lift is not None
            assert posterior.interval is not None
            assert posterior.p_equivalent is not None
            assert posterior.interval.low < posterior.lift < posterior.interval.high
            assert 0 <= posterior.p_equivalent <= 1
            assert posterior.expected_loss > 0
            assert 0 < posterior.p_positive < 1
            control = report[metric.name, "b"].control.estimate
            assert control is not None
            assert posterior.expected_loss_relative == pytest.approx(
                posterior.expected_loss / control, rel=0.01
            )
            assert ("flat" in posterior.prior) == (prior is None)


def test_a_sceptical_prior_draws_lifts_towards_nothing() -> None:
    arms = three_arms()
    flat = Analysis(primary=(CONVERSION,)).report(arms)["conversion_rate", "b"].posterior
    shrunk = (
        Analysis(primary=(CONVERSION,), prior=SCEPTICAL)
        .report(arms)["conversion_rate", "b"]
        .posterior
    )

    assert isinstance(flat, Posterior)
    assert isinstance(shrunk, Posterior)
    assert flat.lift is not None
    assert shrunk.lift is not None
    assert flat.interval is not None
    assert shrunk.interval is not None
    assert 0 < shrunk.lift < flat.lift
    assert shrunk.interval.width < flat.interval.width


def test_a_prior_on_lifts_needs_positive_estimates_that_vary() -> None:
    def posterior(control: Summary) -> Posterior | CannotSay:
        analysis = Analysis(primary=(Mean("m", "revenue"),), prior=SCEPTICAL)
        return analysis.report({"control": control, "b": GOOD}).results[0].posterior

    loss = posterior(arm_of(100, 10, -600.0, 40_000.0))
    same = posterior(arm_of(100, 100, 100.0, 100.0))
    shaky = compare(
        Mean("m", "revenue"), Summary.from_rows({"revenue": [-5.0, 1.0, 2.0, -9.0]}), GOOD
    ).posterior

    assert isinstance(loss, CannotSay)
    assert loss.reason is CannotSayCode.NOT_POSITIVE
    assert isinstance(same, CannotSay)
    assert same.reason is CannotSayCode.NO_VARIATION
    # A control below zero has no lift, but chances.
    assert isinstance(shaky, Posterior)
    assert shaky.lift is None


def test_posteriors_of_all_arms_wait_for_the_last_one() -> None:
    few, loss, same = (
        arm_of(1, 1, 60.0, 3_600.0),
        arm_of(100, 10, -600.0, 40_000.0),
        arm_of(50, 50, 100.0, 200.0),
    )
    for third, prior, reason in (
        (few, None, CannotSayCode.TOO_FEW_UNITS),
        (loss, SCEPTICAL, CannotSayCode.NOT_POSITIVE),
        (same, SCEPTICAL, CannotSayCode.NO_VARIATION),
    ):
        analysis = Analysis(primary=(Mean("m", "revenue"),), prior=prior)
        result = analysis.report({"control": GOOD, "b": GOOD, "c": third})["m", "b"]
        assert isinstance(result.difference, Effect)
        assert isinstance(result.posterior, CannotSay)
        assert result.posterior.reason is reason


@pytest.mark.parametrize("metric", [CONVERSION, REVENUE, TICKET], ids=lambda m: m.name)
@pytest.mark.parametrize("prior", [None, SCEPTICAL], ids=["flat", "sceptical"])
def test_an_arm_without_units_is_no_rival(metric: Metric, prior: LiftPrior | None) -> None:
    # Its prior alone would be: half of all visitors buying, and so the best of all.
    analysis = Analysis(primary=(metric,), prior=prior)

    result = analysis.report({"control": GOOD, "b": GOOD, "c": arm_of(0, 0)})[metric.name, "b"]

    assert isinstance(result.difference, Effect)
    assert isinstance(result.posterior, CannotSay)
    assert result.posterior.reason is CannotSayCode.TOO_FEW_UNITS

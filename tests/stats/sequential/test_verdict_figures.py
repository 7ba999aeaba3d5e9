"""The figures of a verdict: as measured, with an interval for every look; corrected at a stop."""

import math
from dataclasses import replace
from typing import Any

import pytest
from fairlift_stats.messages import Number, Percent
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.errors import NoAnswer
from fairlift_stats.sequential.evidence import Evidence
from fairlift_stats.sequential.group_sequential.boundaries import Boundaries
from fairlift_stats.sequential.group_sequential.estimation import estimate_at_stop
from fairlift_stats.sequential.lines import stopping_lines
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.verdict import arm_facts, decide
from fairlift_stats.verdict.standings import lines_of
from scipy import stats

from tests.stats.sequential.shop import CR, WEEK, daily, evidence, keys, look, plan


def test_the_figures_at_a_stop_are_those_of_the_stage_wise_drift() -> None:
    log = daily(plan(), [*WEEK, 0.5, 4.0])
    found = decide(plan(), log).facts.arms[0].corrected
    contrast = log.looks[-1].evidence[0].contrast
    lines = stopping_lines(plan(), (7 / 14, 8 / 14))
    stop = estimate_at_stop(lines, z=4.0)

    assert found is not None
    for value, drift in (
        (found.value, stop.drift),
        (found.interval.low, stop.interval.low),
        (found.interval.high, stop.interval.high),
    ):
        k = 4.0 - drift * math.sqrt(8 / 14)
        assert value == pytest.approx(contrast.difference - k * contrast.se, rel=1e-6)
    # The lift's limit is the R whose z(R) is that k.
    assert found.lift_interval is not None
    ratio = 1 + found.lift_interval.low
    spread = contrast.treatment_variance + ratio**2 * contrast.control_variance
    z = (contrast.treatment - ratio * contrast.control) / math.sqrt(spread)
    assert z == pytest.approx(4.0 - stop.interval.low * math.sqrt(8 / 14), rel=1e-6)


def test_the_interval_of_a_judged_look_is_as_wide_as_its_line() -> None:
    log = daily(plan(), [*WEEK, 0.5, 1.0])
    found = decide(plan(), log).facts.arms[0]
    height = lines_of(plan(), log, "conversion_rate", "coupon")[-1].success
    contrast = log.looks[-1].evidence[0].contrast

    assert found.raw is not None
    assert height == pytest.approx(stopping_lines(plan(), (7 / 14, 8 / 14)).upper[-1])
    assert found.raw.interval.high == pytest.approx(
        contrast.difference + (height or 0) * contrast.se
    )
    assert found.largest_k == pytest.approx(height)
    assert found.corrected is None


@pytest.mark.parametrize("z", [26.0, 400.0])
def test_a_difference_beyond_all_chance_needs_no_correction(z: float) -> None:
    verdict = decide(plan(), daily(plan(), [*WEEK, 0.5, z]))

    found = verdict.facts.arms[0]
    assert verdict.kind == "ship"
    assert found.corrected is None
    assert found.raw is not None
    assert verdict.number == Percent(found.raw.lift or 0, signed=True)


def test_a_correction_that_fails_is_no_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise NoAnswer("drift: none")

    monkeypatch.setattr(arm_facts, "estimate_at_stop", fails)

    verdict = decide(plan(), daily(plan(), [*WEEK, 0.5, 4.0]))

    assert verdict.kind == "ship"
    assert verdict.facts.arms[0].corrected is None


def test_between_two_judging_looks_the_interval_is_that_of_the_last_that_judged() -> None:
    made = plan(decide="weekly")
    log = daily(made, [*WEEK, 1.0, 1.5, 1.6])

    verdict = decide(made, log)

    found = verdict.facts.arms[0]
    assert (verdict.kind, verdict.cause) == ("keep_going", "not_yet_judged")
    assert found.raw is not None
    assert found.raw.at == log.looks[6].at
    assert found.raw.value == pytest.approx(log.looks[6].evidence[0].estimate)
    assert verdict.sentence() == (
        "Keep going: the next decision is made with the data of November 15, once that day is over."
    )
    assert verdict.number == Number(5)
    assert verdict.next_due == 14
    early = decide(made, daily(made, [1.0] * 3)).facts.arms[0]
    assert early.raw is not None
    assert early.raw.interval.high == math.inf
    assert (early.meter, early.gives_up) == (0.0, False)


def test_harm_and_an_end_without_a_winner_tell_their_two_figures_too() -> None:
    made = plan(futility=None)
    hurt = decide(made, daily(made, [*WEEK, 0.5, -5.0]))
    ended = decide(made, daily(made, [1.5] * 13 + [1.9]))

    assert (hurt.kind, keys(hurt)[0]) == ("stop_harm", "reason.corrected")
    assert (ended.cause, keys(ended)[0]) == ("ended", "reason.corrected")
    assert hurt.reasons[0].figure("lift") == hurt.number
    assert ended.reasons[0].figure("lift") == ended.number


def test_harm_between_two_judging_looks_has_the_width_of_the_daily_line() -> None:
    made = plan(decide="weekly")
    log = daily(made, [*WEEK, 0.5, -5.0])
    verdict = decide(made, log)
    line = lines_of(made, log, "conversion_rate", "coupon")[-1]
    contrast = log.looks[-1].evidence[0].contrast

    found = verdict.facts.arms[0]
    assert (verdict.kind, verdict.decided_day) == ("stop_harm", 8)
    assert line.success is None
    assert line.harm is not None
    assert found.raw is not None
    assert found.raw.interval.high == pytest.approx(contrast.difference - line.harm * contrast.se)
    assert found.corrected is not None
    assert found.corrected.interval.high < 0


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_at_a_first_look_there_is_nothing_to_correct(direction: str) -> None:
    metric = replace(CR, direction=direction)  # type: ignore[arg-type]  # one of the two
    made = plan(metrics=(metric,))
    sign = 1 if direction == "higher" else -1
    # As with a score test: the z is not the estimate over the error of its interval.
    found = replace(
        evidence("conversion_rate", "coupon", sign * 4.0, 7),
        contrast=Contrast(0.03, 0.03 + sign * 0.009, 1e-6, 1e-6),
    )

    verdict = decide(made, LookLog.begin(made).add(made, look(made, 7, found)))

    corrected = verdict.facts.arms[0].corrected
    assert corrected is not None
    assert corrected.value == pytest.approx(sign * 0.009, abs=1e-9)
    assert keys(verdict)[0] == "reason.false_alarm"


def test_only_the_lines_of_a_comparison_s_own_looks_tie_its_estimate() -> None:
    """A look below the minimum of converters was none: at the next one nothing is corrected."""
    made = plan()
    log = LookLog.begin(made)
    few = look(made, 7, evidence("conversion_rate", "coupon", 0.0, 7), converters=0.001)
    log = log.add(made, few)
    log = log.add(made, look(made, 8, evidence("conversion_rate", "coupon", 4.0, 8)))

    found = decide(made, log).facts.arms[0]

    assert found.corrected is not None
    assert found.raw is not None
    assert found.corrected.value == pytest.approx(found.raw.value)
    alone = estimate_at_stop(Boundaries((8 / 14,), (-2.0,), (2.0,)), z=4.0)
    contrast = log.looks[-1].evidence[0].contrast
    k = 4.0 - alone.interval.low * math.sqrt(8 / 14)
    assert found.corrected.interval.low == pytest.approx(contrast.difference - k * contrast.se)


@pytest.mark.parametrize("z", [24.9, 25.0])
def test_a_difference_within_all_chance_is_corrected(z: float) -> None:
    found = decide(plan(), daily(plan(), [*WEEK, 0.5, z])).facts.arms[0]

    assert found.corrected is not None
    assert found.corrected.interval.low < found.corrected.value < found.corrected.interval.high


def test_the_meter_is_the_share_of_the_line_at_the_last_look_that_judged() -> None:
    made = plan(decide="weekly")
    log = daily(made, [*WEEK, 1.0, 1.5, 1.6])
    line = stopping_lines(made, (0.5,)).upper[0]

    found = decide(made, log).facts.arms[0]

    assert found.meter == pytest.approx(1.0 / line)
    assert (found.z, found.crossing, found.crossed_at, found.crossed_look) == (
        1.6, None, None, None,
    )  # fmt: skip
    behind = decide(made, daily(made, [*WEEK, -0.2])).facts.arms[0]
    assert behind.meter == 0.0


def test_an_end_by_hand_is_corrected_where_it_was_judged_and_only_there() -> None:
    made = plan(decide="weekly", maximum_days=28, futility=None)
    judged = daily(made, [*WEEK, 1.0, 1.0])
    stopped = judged.add(
        made, look(made, 10, evidence("conversion_rate", "coupon", 1.2, 10), closing="stopped")
    )
    early = daily(made, [1.0] * 3)
    before = early.add(
        made, look(made, 4, evidence("conversion_rate", "coupon", 1.2, 4), closing="stopped")
    )

    assert decide(made, judged).facts.arms[0].corrected is None
    found = decide(made, stopped).facts.arms[0]
    assert found.corrected is not None
    assert found.corrected.at == stopped.looks[-1].at
    assert decide(made, before).facts.arms[0].corrected is None


def test_a_shrunk_figure_is_the_posterior_of_two_normals() -> None:
    """The prior N(0, .03^2) on the lift, and an estimate with its error: precisions add up."""
    made = plan(engine="bayes_expected_loss", loss_threshold=0.002)
    log = daily(made, [*WEEK, 5.0], se=0.0008)
    contrast = log.looks[-1].evidence[0].contrast
    lift, se = contrast.lift, contrast.se / contrast.control
    weight = 0.03**2 / (0.03**2 + se**2)
    mean, sd = lift * weight, se * math.sqrt(weight)
    z = stats.norm.isf(0.025)

    found = decide(made, log).facts.arms[0].corrected

    assert found is not None
    assert found.lift_interval is not None
    assert found.lift == pytest.approx(mean)
    assert found.value == pytest.approx(mean * contrast.control)
    assert found.lift_interval.low == pytest.approx(mean - z * sd)
    assert found.lift_interval.high == pytest.approx(mean + z * sd)
    assert found.interval.low == pytest.approx((mean - z * sd) * contrast.control)
    assert found.interval.high == pytest.approx((mean + z * sd) * contrast.control)


def test_the_largest_height_on_the_page_decides_whether_there_is_a_lift() -> None:
    """A control fewer errors from zero than the line is high has none; some more, and it has."""
    made = plan(decide="weekly", maximum_days=28, futility=None)

    def seen(control: float) -> LookLog:
        contrast = Contrast(control, control + 0.1, 0.01, 0.01)
        found = Evidence("conversion_rate", "coupon", 0.5, contrast, 14_000)
        return LookLog.begin(made).add(made, look(made, 7, found))

    line = stopping_lines(made, (0.5,)).upper[0]
    near, far = (decide(made, seen(0.1 * (line + by))).facts.arms[0] for by in (-0.01, 0.01))
    assert near.largest_k == far.largest_k == pytest.approx(line)
    assert near.raw is not None
    assert far.raw is not None
    assert near.raw.lift is None
    assert far.raw.lift is not None

"""What each look saw: z beside the lines in force, and intervals that hold at every look."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.sequential.errors import BadLook
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.sealed_looks import log_from_json, log_to_json
from fairlift_stats.verdict import decide
from fairlift_stats.verdict.look_figures import look_figures
from fairlift_stats.verdict.standings import standings_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.stats.sequential.shop import CR, RPV, WEEK, daily, evidence, look, plan


def test_a_look_before_the_first_judgement_has_no_interval_that_holds() -> None:
    seen = look_figures(plan(), daily(plan(), [*WEEK, 0.5]))
    (early,), (judged,) = seen[0], seen[6]

    assert (early.z, early.line.success, early.confidence) == (0.0, None, None)
    assert early.estimate.interval.high == math.inf
    assert judged.z == 0.5
    # At 7 of 14 days an HSD(-4) line has spent (e^2 - 1) / (e^4 - 1) of its 2.5 %.
    spent = 0.025 * math.expm1(2) / math.expm1(4)
    assert judged.line.success == pytest.approx(-stats.norm.ppf(spent), abs=1e-6)
    half = (judged.line.success or 0) * 0.004 / math.sqrt(7)
    assert judged.estimate.interval.high - judged.estimate.value == pytest.approx(half)
    assert judged.confidence == pytest.approx(0.95)


def test_z_points_to_the_better_side_as_the_lines_do() -> None:
    lower = replace(CR, direction="lower")
    made = plan(metrics=(lower,))
    (found,) = look_figures(made, daily(made, [*WEEK, -2.0]))[-1]

    assert found.z == 2.0
    assert found.line.harm is not None
    assert found.line.harm < 0 < (found.line.success or 0)
    assert found.estimate.value < 0


def test_a_guardrail_is_compared_with_its_margin() -> None:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made)
    for day in range(1, 9):
        rail = evidence(RPV.name, "coupon", 0.0, day, se=0.05, control=2.0)
        log = log.add(made, look(made, day, evidence(CR.name, "coupon", 1.0, day), rail))
    last = look_figures(made, log)[-1]
    safety = decide(made, log).facts.guardrail("coupon", RPV.name)
    rail_figures = last[1]

    assert [figures.metric for figures in last] == [CR.name, RPV.name]
    # No difference, and a margin of 5 % of 2.00: z = 0.10 / se of (treatment - 0.95 control).
    se = 0.05 / math.sqrt(8) * math.sqrt((1 + 0.95**2) / 2)
    assert rail_figures.z == pytest.approx(0.1 / se)
    assert (safety.safe_line, safety.harm_line) == (
        rail_figures.line.success, rail_figures.line.harm,
    )  # fmt: skip
    assert rail_figures.confidence == pytest.approx(0.90)


def test_a_comparison_without_evidence_is_left_out() -> None:
    made = plan(metrics=(CR, RPV))
    log = LookLog.begin(made).add(made, look(made, 1, evidence(CR.name, "coupon", 1.0, 1)))

    assert [figures.metric for figures in look_figures(made, log)[0]] == [CR.name]


@settings(max_examples=40, deadline=None)
@given(zs=st.lists(st.floats(-4, 4), min_size=1, max_size=14), weekly=st.booleans())
def test_what_a_look_saw_agrees_with_its_verdict_and_with_no_later_look(
    zs: list[float], weekly: bool
) -> None:
    made = plan(decide="weekly" if weekly else "daily")
    log = daily(made, zs)
    seen = look_figures(made, log)

    for number in range(1, len(log.looks) + 1):
        until = log.until(number)
        (figures,) = seen[number - 1]
        assert look_figures(made, until)[-1] == (figures,)
        verdict = decide(made, until)
        standing = verdict.facts.arms[0]
        crossed = [s.crossing for s in standings_of(made, until, CR, "coupon")[:-1]]
        if figures.confidence is None or any(crossed) or standing.raw is None:
            continue
        # Advice stays that of the look that gave it. Until then, and until a line is crossed, the
        # verdict shows the newest interval that holds.
        if verdict.advised_day not in (None, log.looks[number - 1].day):
            continue
        assert standing.raw.interval == figures.estimate.interval
        assert standing.raw.at == log.looks[number - 1].at


def test_a_stop_is_named_by_the_day_of_the_stop() -> None:
    made = plan()
    log = daily(made, [0.0] * 3)
    last = look(made, 5, evidence(CR.name, "coupon", 0.0, 5), closing="stopped")
    dated = log.add(made, replace(last, stopped_on="2026-11-03"))

    # The look of the end came days later, when all who had entered were mature.
    assert (last.at, decide(made, dated).cause) == ("2026-11-06", "stopped")
    assert "was stopped on November 3, " in decide(made, dated).sentence()
    assert "se detuvo el 3 de noviembre, " in decide(made, dated).sentence("es")
    assert log_from_json(log_to_json(dated)) == dated
    undated = decide(made, log.add(made, last)).sentence()
    assert undated == "Not decided: the campaign was stopped before there was enough evidence."
    with pytest.raises(BadLook, match="must be an ISO 8601 date"):
        replace(last, stopped_on="yesterday")

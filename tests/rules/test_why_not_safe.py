"""Why a guardrail was not shown to be safe: each reason has its own sentence, and none is false."""

import math
from typing import Any

import pytest
from fairlift_stats import Analysis, Guardrail, Mean, NonInferiority, Rate, Ratio, Summary
from fairlift_stats.data.metrics import Metric
from fairlift_stats.messages import Message
from fairlift_stats.methods.contrast import Contrast
from fairlift_stats.sequential.evidence import Evidence, evidence_of
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict import Verdict, decide

N = 20_000
CONVERSION = Rate("conversion_rate", "buyers")
REFUNDS = Rate("refunds", "left", direction="lower")
SEEN = Rate("seen", "left")
MONEY = Mean("refunded", "left", direction="lower")
PER_ORDER = Ratio("refund_rate", "left", "buyers", direction="lower")


def arm(buyers: int, left: float) -> Summary:
    """A winner is 600 buyers against 800, at z = 5.4."""
    pairs = {
        ("left", "left"): left,
        ("buyers", "left"): buyers * left / N,
        ("buyers", "buyers"): buyers,
    }
    return Summary.from_sums(N, {"buyers": buyers, "left": left}, pairs)


def judged(
    metric: Metric,
    control: float,
    treatment: float,
    *,
    events: tuple[int, int] = (600, 800),
    **margin: Any,
) -> tuple[Verdict, NonInferiority]:
    """The verdict at the end of a campaign that has won, and the table's answer beside it."""
    arms = {"control": arm(600, control), "coupon": arm(800, treatment)}
    analysis = Analysis(primary=(CONVERSION,), guardrails=(Guardrail(metric, **margin),))
    report = analysis.report(arms)
    rail = SequentialMetric(
        metric.name,
        role="guardrail",
        direction=metric.direction,
        unit="share" if isinstance(metric, Rate) else "money",
        **margin,
    )
    plan = SequentialPlan(
        ("control", "coupon"),
        (SequentialMetric("conversion_rate"), rail),
        2 * N,
        maximum_days=28,
    )
    found = [
        evidence_of(report[m.name, "coupon"], m, arms["control"], arms["coupon"], events=e)
        for m, e in ((CONVERSION, (600, 800)), (metric, events))
    ]
    counts = (ArmCount("control", N, events[0], events[0]), ArmCount("coupon", N, *events[1:] * 2))
    look = Look("2026-11-29", 28, counts, tuple(e for e in found if e is not None))
    answer = report[metric.name, "coupon"].non_inferiority
    assert answer is not None
    return decide(plan, LookLog.begin(plan).add(plan, look)), answer


def reason(verdict: Verdict) -> Message:
    """The last reason; every sentence can be written in every language."""
    for language in ("en", "es", "ro"):
        verdict.explanations(language)
        verdict.sentence(language)
    verdict.to_json()
    return verdict.reasons[-1]


@pytest.mark.parametrize("points", [0.001, 0.005, 0.01, 0.02, 0.03])
def test_a_guardrail_exactly_at_its_margin_names_no_number_of_visitors(points: float) -> None:
    """1,000 refunds, and as many more as the margin allows: z is 0 but for its last digits."""
    verdict, table = judged(REFUNDS, 1_000, 1_000 + round(points * N), absolute_margin=points)

    assert (verdict.cause, table.holds) == ("unsafe_at_end", False)
    rail = verdict.facts.guardrails[0]
    assert rail.z == pytest.approx(0, abs=1e-9)
    assert (rail.units_missing, rail.is_at_margin) == (None, True)
    assert reason(verdict).key == "reason.at_margin"
    assert "more visitors may not help" in verdict.explanations()[-1]


def test_a_number_is_named_up_to_a_thousand_times_the_visitors_there_are() -> None:
    """Around 1,100 refunds a refund moves z by about a fiftieth: at 1,099 the line is 80 off."""
    near = judged(REFUNDS, 1_000, 1_099, absolute_margin=0.005)[0].facts.guardrails[0]
    inside = judged(REFUNDS, 1_000, 1_095, absolute_margin=0.005)[0].facts.guardrails[0]
    beyond = judged(REFUNDS, 1_000, 1_105, absolute_margin=0.005)[0]

    assert (near.units_missing, near.is_at_margin) == (None, True)
    assert inside.z is not None
    assert inside.safe_line is not None
    assert inside.units_missing == math.ceil(2 * N * ((inside.safe_line / inside.z) ** 2 - 1))
    assert beyond.facts.guardrails[0].units_missing is None
    assert reason(beyond).key == "reason.beyond_margin"


@pytest.mark.parametrize(
    ("metric", "events", "margin"),
    [
        (REFUNDS, 0, {"absolute_margin": 0.005}),
        (SEEN, N, {"absolute_margin": 0.01}),
        (SEEN, N, {"margin": 0.02}),
    ],
)
def test_a_rate_at_which_nothing_differs_is_safe_as_the_table_says(
    metric: Metric, events: int, margin: dict[str, Any]
) -> None:
    """Of 20,000 an arm none or all: limits of 95 % are at 3/20,000, far inside the margin."""
    verdict, table = judged(metric, events, events, **margin)

    assert table.holds
    assert (verdict.kind, verdict.facts.guardrails[0].state) == ("ship", "safe")


def test_a_share_of_no_refunds_is_no_margin() -> None:
    verdict, table = judged(REFUNDS, 0, 0, margin=0.1)

    assert (table.p_value, table.holds) == (None, False)
    assert verdict.cause == "margin_at_end"
    assert reason(verdict).key == "reason.guardrail_no_share"


@pytest.mark.parametrize("metric", [MONEY, PER_ORDER])
def test_money_that_never_varies_is_said_to_be_untested(metric: Metric) -> None:
    """No variance can be estimated, and an amount has no bound: nobody knows what was missed."""
    verdict, table = judged(metric, 0, 0, absolute_margin=0.1)

    assert (table.p_value, table.holds) == (None, False)
    assert verdict.cause == "unsafe_at_end"
    assert reason(verdict).key == "reason.guardrail_untested"


@pytest.mark.parametrize(
    ("events", "lacks", "missing"),
    [((5, 9), "control", 20), ((30, 24), "coupon", 1), ((24, 24), "control", 1)],
)
def test_too_few_events_are_told_as_such(events: tuple[int, int], lacks: str, missing: int) -> None:
    """25 are needed in each arm; what was measured lies well inside the margin."""
    verdict, _ = judged(REFUNDS, *events, events=events, absolute_margin=0.01)

    said = reason(verdict)
    assert verdict.facts.guardrails[0].state == "open"
    assert said.key == "reason.guardrail_few_converters"
    assert f"{lacks} needs {missing} more buyer" in verdict.explanations()[-1]
    assert verdict.facts.guardrails[0].units_missing is None


def test_of_a_guardrail_that_was_never_judged_no_reason_is_made_up() -> None:
    """At 90/10 skewed amounts without a cap draw no line, however good they look."""
    rail = SequentialMetric(
        "revenue_per_visitor", role="guardrail", unit="money", needs="orders", margin=0.05
    )
    metrics = (SequentialMetric("conversion_rate"), rail)
    plan = SequentialPlan(("control", "coupon"), metrics, 2 * N, shares=(0.9, 0.1), maximum_days=28)
    contrast = Contrast(0.03, 0.04, 2e-6, 2e-6)
    won = Evidence("conversion_rate", "coupon", 5.0, contrast, 2 * N, (900, 120))
    money = Contrast(2.0, 2.0, 1e-4, 1e-4)
    skewed = Evidence(rail.name, "coupon", 0.0, money, 2 * N, (900, 120), skew=0.5)
    counts = (ArmCount("control", 36_000, 900, 900), ArmCount("coupon", 4_000, 120, 120))

    look = Look("2026-11-29", 28, counts, (won, skewed))
    verdict = decide(plan, LookLog.begin(plan).add(plan, look))

    assert verdict.cause == "unsafe_at_end"
    assert verdict.facts.guardrails[0].safe_line is None
    assert reason(verdict).key == "reason.guardrail_not_safe"

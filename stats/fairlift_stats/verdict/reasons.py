"""The reasons behind a verdict, in the order in which they matter to it."""

import math
from collections.abc import Iterator

from fairlift_stats.locale import figure_text
from fairlift_stats.messages import (
    Day,
    Figure,
    Message,
    MetricName,
    Number,
    Percent,
    VariantName,
)
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import ArmStanding, Facts, GuardrailStanding, SampleRatioFacts
from fairlift_stats.verdict.figures import day_of, in_unit, margin_share, sizes
from fairlift_stats.verdict.ruling import Ruling
from fairlift_stats.verdict.verdict_estimate import (
    contradicts_harm,
    has_waited,
    verdict_estimate,
)

__all__ = ["at_most", "reasons_of"]


def reasons_of(
    plan: SequentialPlan, facts: Facts, ruling: Ruling, headline: Message
) -> list[Message]:
    """The reasons in the order in which they matter to the verdict."""
    reasons = [*_two_figures(plan, facts, ruling)]
    if ruling.cause == "split":
        reasons += _split(facts.sample_ratio)
    if ruling.cause == "won":
        reasons += _beside_the_win(plan, facts, ruling)
    if ruling.cause in ("won", "harm"):
        reasons.append(_false_alarm(plan, ruling))
    if contradicts_harm(plan, facts, ruling):
        reasons.append(Message.of("reason.exact_harm"))
    if ruling.kind == "stop_harm" and facts.day < plan.minimum_days:
        reasons.append(Message.of("reason.harm_early"))
    if ruling.cause in ("running", "not_yet_judged", "unsafe", "margin"):
        reasons += _when(facts, headline)
    if ruling.cause in ("running", "not_yet_judged"):
        reasons += _collected(facts.arm(ruling.arm, ruling.metric))
    for rail in facts.guardrails:
        if rail.arm == ruling.arm:
            reasons += _guardrail(plan, rail, ruling)
    reasons += _other_arms(facts, ruling)
    if ruling.cause != "split":
        reasons += _split(facts.sample_ratio)
    return reasons


def _collected(standing: ArmStanding) -> list[Message]:
    """How far the evidence has come, until it has been enough."""
    if standing.crossing is not None:
        return []
    return [Message.of("reason.meter", meter=Percent(min(standing.meter, 0.99), 0))]


def at_most(chance: float) -> Percent:
    """Rounded up: a chance is never told as none."""
    return Percent(max(1, math.ceil(100 * chance)) / 100, 0)


def _false_alarm(plan: SequentialPlan, ruling: Ruling) -> Message:
    # A prior has no part in the line of harm: that is one of the error rates.
    if plan.engine == "bayes_expected_loss" and ruling.cause == "won":
        loss = Percent(plan.loss_threshold, 2)
        return Message.of("reason.loss", loss=loss)
    return Message.of("reason.false_alarm", wrong=Number(100 * plan.alpha, 0))


def _two_figures(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> Iterator[Message]:
    """Why the headline's figure is not that of all data, where the two can be told apart."""
    if ruling.cause not in ("won", "harm", "ended"):
        return
    standing = facts.arm(ruling.arm, ruling.metric)
    if standing.raw is None or standing.corrected is None:
        return
    if verdict_estimate(plan, facts, ruling) is standing.raw:
        return  # the headline has the measured figure itself
    corrected, measured = (
        sizes(plan, ruling.metric, estimate)["lift"]
        for estimate in (standing.corrected, standing.raw)
    )
    if figure_text(corrected) == figure_text(measured):
        return
    figures = {"lift": corrected, "raw": measured}
    is_stage_wise = plan.engine in ("group_sequential", "fixed")
    day, number = standing.crossed_at, standing.crossed_look
    if day is None or number is None or standing.corrected.at == standing.raw.at:
        yield Message.of("reason.corrected" if is_stage_wise else "reason.shrunk", **figures)
    else:
        key = "reason.corrected_then" if is_stage_wise else "reason.first_look"
        yield Message.of(key, day=day_of(day), number=Number(number), **figures)


def _beside_the_win(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> Iterator[Message]:
    """What a winner's headline leaves out: the wait for a guardrail, and metrics still open."""
    standing = facts.arm(ruling.arm, ruling.metric)
    if standing.crossed_at is not None and has_waited(standing, facts):
        yield Message.of("reason.waited", won=day_of(standing.crossed_at), day=day_of(facts.at))
    if plan.metric(ruling.metric).among_buyers and not _has_won_on_all_units(plan, facts, ruling):
        yield Message.of("reason.among_buyers", metric=MetricName(ruling.metric))
    for other in facts.arms:
        if other.arm != ruling.arm or other.metric == ruling.metric or other.crossing:
            continue
        figures = sizes(plan, other.metric, other.raw)
        yield Message.of("reason.still_open", metric=MetricName(other.metric), lift=figures["lift"])


def _has_won_on_all_units(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> bool:
    """True when money over all units is settled: won, or shown to be safe."""
    settled = [s.metric for s in facts.arms if s.arm == ruling.arm and s.crossing == "success"]
    settled += [r.metric for r in facts.guardrails if r.arm == ruling.arm and r.state == "safe"]
    found = (plan.metric(name) for name in settled)
    return any(metric.unit == "money" and not metric.among_buyers for metric in found)


def _when(facts: Facts, headline: Message) -> list[Message]:
    """When to expect a decision, unless the headline says so."""
    view = facts.outlook
    if view is None or "end" in dict(headline.figures):
        return []
    early, middle, late = view.days
    # Three chances by one day would say it three times.
    if early is not None and middle is not None and late is not None and early != late:
        days = {"early": Day(early), "middle": Day(middle), "late": Day(late), "end": Day(view.end)}
        return [Message.of("reason.chances", **days)]
    return [Message.of("reason.end", end=Day(view.end))]


def _guardrail(plan: SequentialPlan, rail: GuardrailStanding, ruling: Ruling) -> Iterator[Message]:
    metric = MetricName(rail.metric)
    # Only a campaign that goes on may still show it.
    is_open = ruling.kind == "keep_going"
    keys = {
        "harmed": "reason.guardrail_harmed",
        "safe": "reason.guardrail_passes",
        "open": "reason.guardrail_open" if is_open else "reason.guardrail_not_safe",
    }
    if rail.has_no_share:
        share, control = margin_share(rail.margin), VariantName(plan.control)
        yield Message.of("reason.guardrail_no_share", metric=metric, margin=share, control=control)
        return
    # Without any figure nothing was judged.
    is_early = rail.raw is None and ruling.kind == "do_not_trust"
    key = "reason.guardrail_not_judged" if is_early else keys[rail.state]
    yield Message.of(key, metric=metric)
    if ruling.cause not in ("unsafe_at_end", "margin_at_end") or rail.state != "open":
        return
    margin = rail.margin
    size = (
        in_unit(plan, rail.metric, margin.size, signed=False)
        if margin.is_absolute
        else margin_share(margin)
    )
    yield from _why_not_safe(rail, size)


def _why_not_safe(rail: GuardrailStanding, margin: Figure) -> Iterator[Message]:
    """What it would have taken to show that a guardrail is safe, or why nothing would have."""
    metric = MetricName(rail.metric)
    if rail.shortage is not None:
        lack = rail.shortage
        yield Message.counted(
            f"reason.guardrail_few_{lack.what}",
            "missing",
            metric=metric,
            arm=VariantName(lack.arm),
            missing=Number(lack.needed - lack.found),
        )
    elif rail.z is None:
        yield Message.of("reason.guardrail_untested", metric=metric)
    elif rail.units_missing is not None:
        units = Number(rail.units_missing)
        yield Message.counted(
            "reason.units_missing", "units", units=units, metric=metric, margin=margin
        )
    elif rail.is_at_margin:
        yield Message.of("reason.at_margin", metric=metric, margin=margin)
    elif rail.z < 0:
        yield Message.of("reason.beyond_margin", metric=metric, margin=margin)


def _other_arms(facts: Facts, ruling: Ruling) -> list[Message]:
    """Arms beside the one spoken of that should leave."""
    lost = {s.arm for s in facts.arms if s.crossing == "harm"}
    lost |= {rail.arm for rail in facts.guardrails if rail.state == "harmed"}
    lost |= {alarm.arm for alarm in facts.alarms if alarm.raised_at is not None}
    return [
        Message.of("reason.drop", variant=VariantName(arm)) for arm in sorted(lost - {ruling.arm})
    ]


def _split(ratio: SampleRatioFacts) -> list[Message]:
    """How far the split is off, and how rarely chance alone does that."""
    if not ratio.check.warns:
        return []
    key = "reason.split_broken" if ratio.check.blocks else "reason.split_odd"
    # By Ville's inequality evidence ever reaches x by chance in at most 1 of x campaigns.
    odds = Number(_rounded_down(min(ratio.check.largest, 1e9)))
    gap = _gap(ratio)
    if ratio.at is not None:
        gap = Message.of("split.by_day", gap=gap, day=day_of(ratio.at))
    return [Message.of(key, gap=gap, odds=odds)]


def _gap(ratio: SampleRatioFacts) -> Message:
    if ratio.in_parts:
        return Message.of("split.in_parts")
    key = "split.too_few" if ratio.excess < 0 else "split.too_many"
    count = Number(round(abs(ratio.excess)))
    return Message.counted(key, "count", arm=VariantName(ratio.worst_arm), count=count)


def _rounded_down(value: float) -> int:
    """To one digit: 34,674,698 becomes 30,000,000."""
    power: int = 10 ** math.floor(math.log10(value))
    return int(value // power) * power

"""A ruling in words: one sentence, one number, one action."""

import math
from dataclasses import dataclass
from typing import assert_never

from fairlift_stats.messages import (
    Day,
    Figure,
    Message,
    MetricName,
    Number,
    Percent,
    VariantName,
)
from fairlift_stats.sequential.calendar import next_due
from fairlift_stats.sequential.guards import TooFew, counted
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.enough_units import enough_units
from fairlift_stats.verdict.facts import Facts, Outlook, SampleRatioFacts
from fairlift_stats.verdict.figures import day_of, margin_share, sizes
from fairlift_stats.verdict.outlook import date_of
from fairlift_stats.verdict.reasons import at_most, reasons_of
from fairlift_stats.verdict.ruling import Ruling
from fairlift_stats.verdict.verdict_estimate import has_waited, verdict_estimate

__all__ = ["FAINT", "Spoken", "say"]

# Below this chance to win, given what was seen, the traffic is worth more elsewhere.
FAINT = 0.05
# Fewer units more than this share of those there are, and units are not what a campaign lacks.
_CLEARLY_MORE = 1.05

Words = tuple[Message, Figure, Message]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A ruling in message keys and figures."""

    headline: Message
    number: Figure
    action: Message
    reasons: tuple[Message, ...]


def say(
    plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling, last: Look | None = None
) -> Spoken:
    """The ruling's sentence, number, action and reasons.

    Args:
        plan: of the campaign.
        look: that the ruling is of.
        facts: as of that look.
        ruling: what to say.
        last: the look that closed the campaign, if it has ended since.
    """
    headline, number, action = _words(plan, look, facts, ruling)
    if last is not None and ruling.kind == "stop_futile":
        headline = _after_the_end(headline, look, last)
    reasons = reasons_of(plan, facts, ruling, headline)
    return Spoken(headline, number, action, tuple(reasons))


def _words(plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling) -> Words:
    names = _names(plan, ruling)
    keep = Message.of("action.keep_control", **names)
    match ruling.cause:
        case "split" | "few" | "no_answer" | "skew" | "skew_at_end" | "days":
            return _blocked(plan, look, facts, ruling)
        case "harm" | "guardrail_harm":
            effect = _effect(plan, facts, ruling)
            return Message.of(f"verdict.{ruling.cause}", **names, **effect), effect["lift"], keep
        case "alarm":
            return (*_alarm(facts, ruling, names), keep)
        case "won":
            effect = _effect(plan, facts, ruling) | _first_effect(plan, facts, ruling)
            key = "verdict.won" if "low" in effect else "verdict.won_bare"
            key = "verdict.won_waited" if "first" in effect else key
            ship = Message.of("action.ship", **names)
            return Message.of(key, **names, **effect), effect["lift"], ship
        case "unsafe" | "unsafe_at_end":
            effect = _unsafe_effect(plan, facts, ruling)
            action = Message.of("action.wait") if ruling.cause == "unsafe" else keep
            return Message.of(f"verdict.{ruling.cause}", **names, **effect), effect["lift"], action
        case "margin" | "margin_at_end":
            return _without_margin(facts, ruling, names)
        case "ended" | "ended_few" | "no_answer_at_end" | "stopped":
            return _inconclusive(plan, look, facts, ruling)
        case "hopeless" | "no_gain":
            return _futile(facts, ruling, names)
        case "not_yet_judged" | "running":
            return _running(plan, facts, ruling, names)
        case unreachable:
            assert_never(unreachable)


def _names(plan: SequentialPlan, ruling: Ruling) -> dict[str, Figure]:
    return {"variant": VariantName(ruling.arm), "control": VariantName(plan.control)}


def _blocked(plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling) -> Words:
    """Why nothing may be decided now."""
    names = _names(plan, ruling)
    if ruling.cause == "split":
        headline, observed = _split_headline(facts.sample_ratio)
        return headline, observed, Message.of("action.fix_split")
    if ruling.cause in ("skew", "skew_at_end"):
        control, treatment = look.count(plan.control).units, look.count(ruling.arm).units
        part = Percent(min(control, treatment) / (control + treatment), 0)
        headline = Message.of(f"verdict.{ruling.cause}", share=part, **names)
        return headline, part, Message.of("action.cap")
    wait = Message.of("action.wait")
    if ruling.cause == "days":
        day = Number(facts.day)
        headline = Message.counted("verdict.days", "day", day=day, needed=Number(plan.minimum_days))
        return headline, day, wait
    lack = counted(plan, look, plan.metric(ruling.metric), ruling.arm).shortage
    if ruling.cause == "few" and lack is not None:
        due = next_due(plan, facts.day)
        if not look.units and due is not None:
            # Orders are there, and no window is over: none of them is counted.
            first = Day(date_of(facts.at, due - facts.day))
            return Message.of("verdict.nothing_yet", day=first), Number(0), wait
        return (*_few("few", lack), wait)
    metric = MetricName(ruling.metric)
    return Message.of("verdict.no_answer", metric=metric, **names), Number(look.units), wait


def _without_margin(facts: Facts, ruling: Ruling, names: dict[str, Figure]) -> Words:
    """A winner with a guardrail that no number of units would judge: its margin is a share."""
    rail = next(r for r in facts.guardrails if r.arm == ruling.arm and r.has_no_share)
    metric, margin = MetricName(rail.metric), margin_share(rail.margin)
    headline = Message.of(f"verdict.{ruling.cause}", metric=metric, **names)
    return headline, margin, Message.of("action.absolute_margin", metric=metric)


def _few(key: str, lack: TooFew) -> tuple[Message, Number]:
    found = Number(lack.found)
    headline = Message.counted(
        f"verdict.{key}_{lack.what}",
        "found",
        arm=VariantName(lack.arm),
        found=found,
        needed=Number(lack.needed),
    )
    return headline, found


def _split_headline(ratio: SampleRatioFacts) -> tuple[Message, Percent]:
    observed = Percent(ratio.observed, 1)
    if ratio.in_parts:
        return Message.of("verdict.split_in_parts"), observed
    arm, planned = VariantName(ratio.worst_arm), Percent(ratio.planned, 1)
    return Message.of("verdict.split", arm=arm, observed=observed, planned=planned), observed


def _alarm(facts: Facts, ruling: Ruling, names: dict[str, Figure]) -> tuple[Message, Figure]:
    """Who bought within a day, on both sides: a checkout that is dead shows here first."""
    alarm = next(alarm for alarm in facts.alarms if alarm.arm == ruling.arm)
    rates = [
        Percent(buyers / max(units, 1), 2)
        for buyers, units in zip(alarm.converters, alarm.units, strict=True)
    ]
    # It is raised by fewer buyers than the control has, so the control has some.
    lift = Percent(rates[1].value / rates[0].value - 1, 1, signed=True)
    headline = Message.of("verdict.alarm", rate=rates[1], usual=rates[0], lift=lift, **names)
    return headline, rates[1]


def _inconclusive(plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling) -> Words:
    """The campaign is over, and nothing was decided."""
    names = _names(plan, ruling)
    if ruling.cause == "stopped":
        action = Message.of("action.stopped", control=names["control"])
        return _stopped(look), Number(look.units), action
    free = Message.of("action.free", **names)
    if ruling.cause == "ended":
        effect = _effect(plan, facts, ruling)
        bare = {"lift": effect["lift"], "metric": effect["metric"]}
        return Message.of("verdict.undecided", **names, **bare), effect["lift"], free
    units = Number(look.units)
    if ruling.cause == "no_answer_at_end":
        metric = MetricName(ruling.metric)
        return Message.of("verdict.no_answer_at_end", metric=metric), units, free
    return (*_too_few(plan, look, ruling), free)


def _too_few(plan: SequentialPlan, look: Look, ruling: Ruling) -> tuple[Message, Number]:
    """How many units would have been needed; where units are not what lacks, what does."""
    units, needed = Number(look.units), Number(enough_units(plan, look, ruling))
    lack = counted(plan, look, plan.metric(ruling.metric), ruling.arm).shortage
    if lack is not None and needed.value < _CLEARLY_MORE * look.units:
        return _few("cannot_conclude_few", lack)
    effect_size = plan.metric(ruling.metric).minimum_effect
    if effect_size is None:
        headline = Message.counted("verdict.cannot_conclude", "units", units=units, needed=needed)
    else:
        lift = Percent(effect_size, _digits(effect_size), signed=True)
        headline = Message.counted(
            "verdict.cannot_conclude_effect", "units", units=units, needed=needed, effect=lift
        )
    return headline, units


def _stopped(look: Look) -> Message:
    """Names the day of the stop where it is known; the look's own day is a later one."""
    if look.stopped_on is None:
        return Message.of("verdict.stopped_undated")
    return Message.of("verdict.stopped", day=day_of(look.stopped_on))


def _digits(share: float) -> int:
    return 0 if math.isclose(100 * share, round(100 * share)) else 1


def _futile(facts: Facts, ruling: Ruling, names: dict[str, Figure]) -> Words:
    free = Message.of("action.free", **names)
    standing = facts.arm(ruling.arm, ruling.metric)
    if ruling.cause == "hopeless" and facts.outlook is None:
        meter = Percent(min(standing.meter, 0.99), 0)
        return Message.of("verdict.hopeless_bare", **names), meter, free
    if ruling.cause == "hopeless" and facts.outlook is not None:
        chance = at_most(facts.outlook.conditional_power)
        return Message.of("verdict.hopeless", chance=chance, **names), chance, free
    loss = Percent(standing.loss[1] if standing.loss else 0.0, 2)
    metric = MetricName(ruling.metric)
    return Message.of("verdict.no_gain", loss=loss, metric=metric, **names), loss, free


def _running(plan: SequentialPlan, facts: Facts, ruling: Ruling, names: dict[str, Figure]) -> Words:
    view, wait = facts.outlook, Message.of("action.wait")
    standing = facts.arm(ruling.arm, ruling.metric)
    if standing.crossed_at is not None:
        won = day_of(standing.crossed_at)
        return Message.of("verdict.won_waits", won=won, variant=names["variant"]), won, wait
    if view is not None and view.predictive_power < FAINT:
        return (*_faint(view, names), wait)
    due = next_due(plan, facts.day)
    if ruling.cause == "not_yet_judged" and due is not None:
        day = Day(date_of(facts.at, due - facts.day))
        return Message.of("verdict.not_yet_judged", day=day), Number(due - facts.day), wait
    if view is None:
        meter = Percent(min(standing.meter, 0.99), 0)
        return Message.of("verdict.running", meter=meter, **names), meter, wait
    if view.days_left is None:
        chance = Percent(view.predictive_power, 0)
        headline = Message.of("verdict.running_long", chance=chance, end=Day(view.end), **names)
        return headline, chance, wait
    days = Number(view.days_left)
    return Message.counted("verdict.running_days", "days", days=days), days, wait


def _faint(view: Outlook, names: dict[str, Figure]) -> tuple[Message, Percent]:
    """A variant that hardly wins any more; a decision against it may come before the plan ends."""
    most = at_most(view.predictive_power)
    if view.days_left is None:
        return Message.of("verdict.running_faint", chance=most, end=Day(view.end), **names), most
    days = Number(view.days_left)
    counted_days = Message.counted(
        "verdict.running_faint_days", "days", days=days, chance=most, **names
    )
    return counted_days, most


def _after_the_end(headline: Message, look: Look, last: Look) -> Message:
    """Advice to give up, told when the campaign is over: it was given, and nothing was decided."""
    given = day_of(look.at)
    # Of a stop by hand the day of the stop, unless the advice came while the last units matured.
    end = max(given, day_of(last.stopped_on or last.at), key=lambda day: day.iso)
    days: dict[str, Figure] = {"day": given, "last": end}
    return Message.of(f"{headline.key}_ended", **dict(headline.figures), **days)


def _effect(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> dict[str, Figure]:
    """Metric, lift and interval; where there is no lift, the difference in the metric's unit."""
    estimate = verdict_estimate(plan, facts, ruling)
    return {"metric": MetricName(ruling.metric), **sizes(plan, ruling.metric, estimate)}


def _first_effect(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> dict[str, Figure]:
    """Of a win that waited for a guardrail, the figures of the look that it won at."""
    standing = facts.arm(ruling.arm, ruling.metric)
    if not has_waited(standing, facts) or standing.corrected is None:
        return {}
    first = sizes(plan, ruling.metric, standing.corrected)
    return {
        "day": day_of(standing.corrected.at), "first": first["lift"], "first_low": first["low"],
        "first_high": first["high"],
    }  # fmt: skip


def _unsafe_effect(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> dict[str, Figure]:
    """The guardrail that a winner waits for, and its difference so far."""
    rail = next(r for r in facts.guardrails if r.arm == ruling.arm and r.state != "safe")
    effect = sizes(plan, rail.metric, rail.raw)
    return {"metric": MetricName(rail.metric), "lift": effect["lift"]}

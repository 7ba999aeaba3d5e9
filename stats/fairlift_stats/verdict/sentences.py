"""A ruling in words: one sentence, one number, one action, and the reasons in their order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from fairlift_stats.locale import figure_text
from fairlift_stats.messages import (
    Amount,
    Day,
    Figure,
    Message,
    MetricName,
    Number,
    Percent,
    VariantName,
    Verbatim,
)
from fairlift_stats.sequential.guards import days_to_wait, too_few
from fairlift_stats.sequential.looks import Look
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.facts import Estimate, Facts, Guardrail, Split
from fairlift_stats.verdict.ruling import Ruling

# Below this chance to win, given what was seen, the traffic is worth more elsewhere.
_FAINT = 0.05


@dataclass(frozen=True, slots=True)
class Spoken:
    """A ruling in message keys and figures."""

    headline: Message
    number: Figure
    action: Message
    reasons: tuple[Message, ...]


def say(plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling) -> Spoken:
    """The ruling's sentence, number, action and reasons."""
    headline, number, action = _words(plan, look, facts, ruling)
    return Spoken(headline, number, action, tuple(_reasons(plan, facts, ruling, headline)))


def _words(
    plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling
) -> tuple[Message, Figure, Message]:
    names: dict[str, Figure] = {
        "variant": VariantName(ruling.comparison.arm),
        "control": VariantName(plan.control),
    }
    keep = Message.of("action.keep_control", **names)
    match ruling.cause:
        case "split" | "few" | "no_answer" | "skew" | "days":
            return _blocked(plan, look, facts, ruling, names)
        case "harm" | "guardrail_harm":
            effect = _effect(plan, ruling)
            return Message.of(f"verdict.{ruling.cause}", **names, **effect), effect["lift"], keep
        case "won":
            effect = _effect(plan, ruling)
            key = "verdict.won" if "low" in effect else "verdict.won_bare"
            return (
                Message.of(key, **names, **effect),
                effect["lift"],
                Message.of("action.ship", **names),
            )
        case "hold":
            wait = Number(days_to_wait(plan, facts.day))
            headline = Message.counted("verdict.hold", "days", days=wait, **names)
            return headline, wait, Message.of("action.wait")
        case "unsafe" | "unsafe_at_end":
            effect = _effect(plan, ruling)
            action = Message.of("action.wait") if ruling.cause == "unsafe" else keep
            return Message.of(f"verdict.{ruling.cause}", **names, **effect), effect["lift"], action
        case "ended":
            effect = _effect(plan, ruling)
            free = Message.of("action.free", **names)
            return Message.of("verdict.ended", **names, **effect), effect["lift"], free
        case "hopeless":
            chance = _at_most(facts.outlook.conditional_power if facts.outlook else 0.0)
            headline = Message.of("verdict.hopeless", chance=chance, **names)
            return headline, chance, Message.of("action.free", **names)
        case "no_gain":
            loss = Percent(ruling.comparison.loss[1] if ruling.comparison.loss else 0.0, 2)
            metric = MetricName(ruling.comparison.metric)
            headline = Message.of("verdict.no_gain", loss=loss, metric=metric, **names)
            return headline, loss, Message.of("action.free", **names)
        case "running":
            return _running(facts, ruling, names)
        case unreachable:
            assert_never(unreachable)


def _blocked(
    plan: SequentialPlan, look: Look, facts: Facts, ruling: Ruling, names: dict[str, Figure]
) -> tuple[Message, Figure, Message]:
    """Why nothing may be decided now."""
    if ruling.cause == "split":
        headline, observed = _split_headline(facts.split)
        return headline, observed, Message.of("action.fix_split")
    if ruling.cause == "few" and (lack := too_few(plan, look)) is not None:
        found = Number(lack.found)
        headline = Message.counted(
            f"verdict.few_{lack.what}",
            "found",
            arm=VariantName(lack.arm),
            found=found,
            needed=Number(lack.needed),
        )
        return headline, found, Message.of("action.wait")
    if ruling.cause == "skew":
        part = Percent(
            min(look.count(plan.control).units, look.count(ruling.comparison.arm).units)
            / (look.count(plan.control).units + look.count(ruling.comparison.arm).units),
            0,
        )
        return Message.of("verdict.skew", share=part, **names), part, Message.of("action.cap")
    if ruling.cause == "days":
        day = Number(facts.day)
        headline = Message.counted("verdict.days", "day", day=day, needed=Number(plan.minimum_days))
        return headline, day, Message.of("action.wait")
    metric = MetricName(ruling.comparison.metric)
    return (
        Message.of("verdict.no_answer", metric=metric, **names),
        Number(look.units),
        Message.of("action.wait"),
    )


def _split_headline(split: Split) -> tuple[Message, Percent]:
    observed = Percent(split.observed, 1)
    if split.in_parts:
        return Message.of("verdict.split_in_parts"), observed
    arm, planned = VariantName(split.worst_arm), Percent(split.planned, 1)
    return Message.of("verdict.split", arm=arm, observed=observed, planned=planned), observed


def _running(
    facts: Facts, ruling: Ruling, names: dict[str, Figure]
) -> tuple[Message, Figure, Message]:
    view = facts.outlook
    if view is None:
        meter = Percent(min(ruling.comparison.meter, 0.99), 0)
        return Message.of("verdict.running", meter=meter, **names), meter, Message.of("action.wait")
    if view.predictive_power < _FAINT:
        most = _at_most(view.predictive_power)
        headline = Message.of("verdict.running_faint", chance=most, end=Day(view.end), **names)
        return headline, most, Message.of("action.may_free", **names)
    if view.days_left is None:
        chance = Percent(view.predictive_power, 0)
        headline = Message.of("verdict.running_long", chance=chance, end=Day(view.end), **names)
        return headline, chance, Message.of("action.wait")
    days = Number(view.days_left)
    return (
        Message.counted("verdict.running_days", "days", days=days),
        days,
        Message.of("action.wait"),
    )


def _at_most(chance: float) -> Percent:
    """Rounded up: a chance is never told as none."""
    return Percent(max(1, math.ceil(100 * chance)) / 100, 0)


def _effect(plan: SequentialPlan, ruling: Ruling) -> dict[str, Figure]:
    """Metric, lift and interval; where there is no lift, the difference in the metric's unit."""
    rail, found = ruling.guardrail, ruling.comparison
    name = found.metric if rail is None else rail.metric
    best = (found.corrected or found.raw) if rail is None else rail.raw
    return {"metric": MetricName(name), **_sizes(plan, name, best)}


def _sizes(plan: SequentialPlan, metric: str, estimate: Estimate | None) -> dict[str, Figure]:
    if estimate is None:
        return {"lift": Verbatim("–")}
    if estimate.lift is None or estimate.lift_interval is None:
        values = (estimate.value, estimate.interval.low, estimate.interval.high)
        figures = [_in_unit(plan, metric, value) for value in values]
    else:
        lifts = (estimate.lift, estimate.lift_interval.low, estimate.lift_interval.high)
        figures = [Percent(value, 1, signed=True) for value in lifts]
    return dict(zip(("lift", "low", "high"), figures, strict=True))


def _in_unit(plan: SequentialPlan, metric: str, value: float) -> Figure:
    unit = next(m.unit for m in plan.metrics if m.name == metric)
    match unit:
        case "money":
            return Amount(value, plan.currency, signed=True)
        case "share":
            return Percent(value, 2, signed=True)
        case "count":
            return Number(value, 2, signed=True)
        case unreachable:
            assert_never(unreachable)


def _reasons(
    plan: SequentialPlan, facts: Facts, ruling: Ruling, headline: Message
) -> list[Message]:
    """The reasons in the order in which they matter to the verdict."""
    reasons = [*_two_figures(plan, facts, ruling)]
    if ruling.cause == "split":
        reasons += _split(facts.split)
    if ruling.cause in ("won", "hold", "harm"):
        reasons.append(_false_alarm(plan))
    if ruling.kind == "stop_harm" and facts.day < plan.minimum_days:
        reasons.append(Message.of("reason.harm_early"))
    if ruling.cause in ("running", "hold", "unsafe"):
        reasons += _when(facts, headline)
    if ruling.cause == "running":
        meter = Percent(min(ruling.comparison.meter, 0.99), 0)
        reasons.append(Message.of("reason.meter", meter=meter))
    reasons += [_rail(rail) for rail in facts.guardrails if rail.arm == ruling.comparison.arm]
    reasons += _others(facts, ruling)
    if ruling.cause != "split":
        reasons += _split(facts.split)
    return reasons


def _false_alarm(plan: SequentialPlan) -> Message:
    if plan.engine == "bayes_expected_loss":
        loss = Percent(plan.loss_threshold, 2)
        return Message.of("reason.loss", loss=loss)
    return Message.of("reason.false_alarm", wrong=Number(100 * plan.alpha, 0))


def _two_figures(plan: SequentialPlan, facts: Facts, ruling: Ruling) -> Iterator[Message]:
    """Why the headline's figure is not that of all data, where the two can be told apart."""
    found = ruling.comparison
    if ruling.cause not in ("won", "harm", "ended") or found.raw is None or found.corrected is None:
        return
    told, measured = (
        _sizes(plan, found.metric, estimate)["lift"] for estimate in (found.corrected, found.raw)
    )
    if figure_text(told) == figure_text(measured):
        return
    figures = {"lift": told, "raw": measured}
    is_corrected = plan.engine == "group_sequential"
    then, number = found.crossed_at, found.crossed_look
    if then is None or number is None or then == facts.at:
        yield Message.of("reason.corrected" if is_corrected else "reason.shrunk", **figures)
    else:
        key = "reason.corrected_then" if is_corrected else "reason.first_look"
        day = Day(datetime.fromisoformat(then).date().isoformat())
        yield Message.of(key, day=day, number=Number(number), **figures)


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


def _rail(rail: Guardrail) -> Message:
    key = "harmed" if rail.harmed else "passes" if rail.passes else "open"
    return Message.of(f"reason.guardrail_{key}", metric=MetricName(rail.metric))


def _others(facts: Facts, ruling: Ruling) -> list[Message]:
    """Arms beside the one spoken of that should leave."""
    lost = {c.arm for c in facts.comparisons if c.crossing == "harm"}
    lost |= {rail.arm for rail in facts.guardrails if rail.harmed}
    return [
        Message.of("reason.drop", variant=VariantName(arm))
        for arm in sorted(lost - {ruling.comparison.arm})
    ]


def _split(split: Split) -> list[Message]:
    """How far the split is off, and how rarely chance alone does that."""
    if not split.check.warns:
        return []
    key = "reason.split_broken" if split.check.blocks else "reason.split_odd"
    # By Ville's inequality evidence ever reaches x by chance in at most 1 of x campaigns.
    odds = Number(_rounded_down(min(split.check.largest, 1e9)))
    return [Message.of(key, gap=_gap(split), odds=odds)]


def _gap(split: Split) -> Message:
    if split.in_parts:
        return Message.of("split.in_parts")
    key = "split.too_few" if split.excess < 0 else "split.too_many"
    count = Number(round(abs(split.excess)))
    return Message.counted(key, "count", arm=VariantName(split.worst_arm), count=count)


def _rounded_down(value: float) -> int:
    """To one digit: 34,674,698 becomes 30,000,000."""
    power: int = 10 ** math.floor(math.log10(value))
    return int(value // power) * power

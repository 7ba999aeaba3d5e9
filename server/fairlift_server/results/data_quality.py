"""Whether the data can be trusted, in messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from fairlift_stats.messages import (
    Listed,
    Message,
    MetricName,
    Number,
    Percent,
    PValue,
    VariantName,
    Verbatim,
)
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.sequential.anytime.counts import (
    SequentialSampleRatio,
    prior_strength,
    sample_ratio_over_time,
)
from fairlift_stats.sequential.guards import TooFew, counted
from fairlift_stats.verdict import Verdict
from fairlift_stats.verdict.figures import day_of

from fairlift_server.analysis.ledger_query import LedgerSample
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.frozen_look import FrozenLook
from fairlift_server.results.health_check import HealthCheck, HealthStatus
from fairlift_server.results.quality_signs import NO_SIGNS, QualitySigns
from fairlift_server.results.sign_checks import sign_checks

# Above this share of mixed-up units something is wrong with how units are told apart.
MANY_MIXED = 0.01
_MOST_UNKNOWN = 5
_LONGEST_NAME = 64


class MetricShortage(NamedTuple):
    """An arm that has not enough of what a metric needs."""

    metric: str
    lack: TooFew


@dataclass(frozen=True, slots=True)
class DataQuality:
    """Whether the data can be trusted: counts only, nothing about effects.

    Attributes:
        units, contaminated: by variant, as of now.
        split: whether units fell on variants as planned, however often somebody looked.
        split_units: by variant now or, if the split is off, when the evidence was strongest.
        split_at: the day of that look; None: it is now.
        chi_square_p: of the split then.
        day: campaign days that have a look.
        shortage: of the newest look, the arm that lacks most buyers or orders, and the metric that
            needs them; None when each comparison has enough, or there is no look.
        blocked_by: why the newest look may not be judged, in a sentence; None when it may.
        cause: the rule that blocks it; empty when none does.
        signs: what else the ledger tells of its own soundness.
        unknown: units by a variant that the campaign does not have: a shop's own tables may name
            any.
    """

    units: Mapping[str, int]
    contaminated: Mapping[str, int]
    split: SequentialSampleRatio
    split_units: Mapping[str, int]
    split_at: str | None
    chi_square_p: float
    day: int
    shortage: MetricShortage | None = None
    blocked_by: Message | None = None
    cause: str = ""
    signs: QualitySigns = NO_SIGNS
    unknown: Mapping[str, int] = field(default_factory=dict)


def data_quality(
    plan: AnalysisPlan,
    live: LedgerSample,
    looks: Sequence[FrozenLook],
    signs: QualitySigns = NO_SIGNS,
) -> DataQuality:
    """The quality of all data until now."""
    units = {arm: live.entered.get(arm, 0) for arm in plan.arms}
    shares, n_max = plan.sequential.shares, plan.sequential.n_max
    history = [[record.entered[arm] for arm in plan.arms] for record in looks]
    counts = [*history, [*units.values()]]
    split = sample_ratio_over_time(counts, shares, k=prior_strength(n_max))
    # What was odd once is told as it was then: a second fault may have evened it out.
    worst = len(counts) - 1
    if split[-1].warns:
        worst = max(range(len(counts)), key=lambda number: (split[number].e_value, number))
    split_units = dict(zip(plan.arms, counts[worst], strict=True))
    weights = dict(zip(plan.arms, shares, strict=True))
    chi_square_p = sample_ratio(split_units, weights).p_value
    split_at = looks[worst].look.at if worst < len(looks) else None
    day = looks[-1].look.day if looks else 0
    shortage = _shortage(looks[-1]) if looks else None
    return DataQuality(
        units,
        live.contaminated,
        split[-1],
        split_units,
        split_at,
        chi_square_p,
        day,
        shortage,
        signs=signs,
        unknown={arm: units for arm, units in live.entered.items() if arm not in plan.arms},
    )


def with_verdict(quality: DataQuality, verdict: Verdict | None) -> DataQuality:
    """The quality, and what keeps the newest look from being judged."""
    if verdict is None or verdict.kind != "do_not_trust":
        return quality
    return replace(quality, blocked_by=verdict.headline, cause=verdict.cause)


def _shortage(last: FrozenLook) -> MetricShortage | None:
    """The arm that has fewest of the buyers or orders that a primary metric needs, or a guardrail.

    Guardrails are spoken of when every primary metric has enough.
    """
    plan = last.plan
    for metrics in (plan.primaries, plan.guardrails):
        lacking = (
            MetricShortage(metric.name, lack)
            for metric in metrics
            for arm in plan.treatments
            if (lack := counted(plan, last.look, metric, arm).shortage) is not None
        )
        worst = min(lacking, key=lambda each: each.lack.found / each.lack.needed, default=None)
        if worst is not None:
            return worst
    return None


def campaign_checks(plan: AnalysisPlan, quality: DataQuality) -> tuple[HealthCheck, ...]:
    """The checks of one campaign's data; before anybody came there is less to check."""
    always = (_minimum_days(plan, quality), _exposures(quality), *_unknown_variants(quality))
    if not sum(quality.units.values()) + sum(quality.contaminated.values()):
        return always
    return (
        _sample_ratio(plan, quality),
        _contamination(quality),
        _enough_orders(quality),
        *_other_obstacle(quality),
        *always,
        *sign_checks(quality.signs, sum(quality.units.values()), plan.sequential.currency),
    )


def gravest_status(plan: AnalysisPlan, quality: DataQuality) -> HealthStatus:
    """The gravest of the campaign's checks."""
    order = tuple(HealthStatus)
    return max((check.status for check in campaign_checks(plan, quality)), key=order.index)


def _sample_ratio(plan: AnalysisPlan, quality: DataQuality) -> HealthCheck:
    p, evidence = quality.chi_square_p, quality.split.largest
    if not (quality.split.warns or quality.split.blocks):
        message = Message.of("health.split_ok", p=PValue(p))
        return HealthCheck("sample_ratio", HealthStatus.OK, message, p, evidence)
    total = sum(quality.split_units.values())
    shares = tuple(
        Message.of(
            "health.share",
            variant=VariantName(arm),
            observed=Percent(quality.split_units[arm] / total),
            planned=Percent(share),
        )
        for arm, share in zip(plan.arms, plan.sequential.shares, strict=True)
    )
    status = HealthStatus.BROKEN if quality.split.blocks else HealthStatus.WARNING
    of_split = partial(Message.of, shares=Listed(shares), p=PValue(p))
    if quality.split_at is None:
        message = of_split("health.split_off")
    else:
        message = of_split("health.split_was_off", day=day_of(quality.split_at))
    causes = quality.signs.causes
    return HealthCheck("sample_ratio", status, message, p, evidence, causes=causes)


def _contamination(quality: DataQuality) -> HealthCheck:
    mixed = sum(quality.contaminated.values())
    all_units = mixed + sum(quality.units.values())
    share = mixed / all_units if all_units else 0.0
    if mixed:
        figures = {"mixed": Number(mixed), "all": Number(all_units)}
        message = Message.counted("health.mixed", "mixed", **figures)
    else:
        message = Message.of("health.not_mixed")
    status = HealthStatus.WARNING if share > MANY_MIXED else HealthStatus.OK
    return HealthCheck("contamination", status, message, share)


def _enough_orders(quality: DataQuality) -> HealthCheck:
    """Whether each variant has the buyers or orders that its metrics need, at the newest look."""
    if not quality.day:
        message = Message.of("health.no_look")
        return HealthCheck("enough_orders", HealthStatus.NOT_CHECKED, message, 0.0)
    if quality.shortage is None:
        message = Message.of("health.enough_orders")
        return HealthCheck("enough_orders", HealthStatus.OK, message, 0.0)
    metric, lack = quality.shortage
    message = Message.counted(
        f"health.few_{lack.what}",
        "needed",
        metric=MetricName(metric),
        arm=VariantName(lack.arm),
        found=Number(lack.found),
        needed=Number(lack.needed),
    )
    # Another comparison may have enough, or harm was shown all the same.
    status = HealthStatus.BROKEN if quality.cause == "few" else HealthStatus.WARNING
    return HealthCheck("enough_orders", status, message, float(lack.found))


def _other_obstacle(quality: DataQuality) -> tuple[HealthCheck, ...]:
    """What blocks the verdict beside what the other checks tell."""
    if quality.blocked_by is None or quality.cause not in ("no_answer", "skew"):
        return ()
    return (HealthCheck(quality.cause, HealthStatus.BROKEN, quality.blocked_by, 0.0),)


def _minimum_days(plan: AnalysisPlan, quality: DataQuality) -> HealthCheck:
    minimum = plan.plan.minimum_days
    message = Message.counted(
        "health.days", "days", days=Number(quality.day), needed=Number(minimum)
    )
    if quality.day >= minimum:
        status = HealthStatus.OK
    elif quality.cause == "days":
        status = HealthStatus.BROKEN
    else:
        status = HealthStatus.WARNING if quality.day else HealthStatus.NOT_CHECKED
    return HealthCheck("minimum_days", status, message, float(quality.day))


def _exposures(quality: DataQuality) -> HealthCheck:
    empty = tuple(VariantName(arm) for arm, units in quality.units.items() if not units)
    units = float(sum(quality.units.values()))
    if empty:
        message = Message.of("health.unexposed", variants=Listed(empty, "or"))
        return HealthCheck("exposures", HealthStatus.WARNING, message, units)
    return HealthCheck("exposures", HealthStatus.OK, Message.of("health.exposed"), units)


def _unknown_variants(quality: DataQuality) -> tuple[HealthCheck, ...]:
    unknown = sum(quality.unknown.values())
    if not unknown:
        return ()
    largest = sorted(quality.unknown, key=lambda name: (-quality.unknown[name], name))
    shown = (
        "".join(character if character.isprintable() else " " for character in name)
        for name in (name[:_LONGEST_NAME] for name in largest[:_MOST_UNKNOWN])
    )
    message = Message.counted(
        "health.unknown_variants",
        "unknown",
        unknown=Number(unknown),
        variants=Listed(tuple(map(Verbatim, shown)), "or"),
    )
    return (HealthCheck("unknown_variants", HealthStatus.WARNING, message, float(unknown)),)

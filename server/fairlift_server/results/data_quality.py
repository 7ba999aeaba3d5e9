"""Whether the data can be trusted, in messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from fairlift_stats.messages import Listed, Message, Number, Percent, PValue, VariantName
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.sequential.anytime.counts import (
    SequentialSampleRatio,
    prior_strength,
    sample_ratio_over_time,
)

from fairlift_server.analysis.ledger_query import LedgerSample
from fairlift_server.results.analysis_plan import AnalysisPlan
from fairlift_server.results.kept_look import KeptLook

# Above this share of mixed-up units something is wrong with how units are told apart.
_MANY_MIXED = 0.01


class HealthStatus(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class DataQuality:
    """Whether the data can be trusted: counts only, nothing about effects.

    Attributes:
        units, contaminated: by variant, as of now.
        split: whether units fell on variants as planned, however often somebody looked.
        chi_square_p: of the split now.
        day: campaign days that have a look.
    """

    units: Mapping[str, int]
    contaminated: Mapping[str, int]
    split: SequentialSampleRatio
    chi_square_p: float
    day: int


def data_quality(plan: AnalysisPlan, live: LedgerSample, looks: Sequence[KeptLook]) -> DataQuality:
    """The quality of all data until now."""
    units = {arm: live.entered.get(arm, 0) for arm in plan.arms}
    shares, n_max = plan.sequential.shares, plan.sequential.n_max
    history = [[kept.entered[arm] for arm in plan.arms] for kept in looks]
    split = sample_ratio_over_time([*history, [*units.values()]], shares, k=prior_strength(n_max))
    weights = dict(zip(plan.arms, shares, strict=True))
    chi_square_p = sample_ratio(units, weights).p_value
    day = looks[-1].look.day if looks else 0
    return DataQuality(units, live.contaminated, split[-1], chi_square_p, day)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check: its stable name, how it stands, and why; `evidence` is an e-value."""

    name: str
    status: HealthStatus
    message: Message
    value: float
    evidence: float | None = None


def checks(plan: AnalysisPlan, quality: DataQuality) -> tuple[HealthCheck, ...]:
    """All checks, the gravest matter first; before anybody came there is less to check."""
    always = (_minimum_days(plan, quality), _exposures(quality))
    if not sum(quality.units.values()) + sum(quality.contaminated.values()):
        return always
    return (_sample_ratio(plan, quality), _contamination(quality), *always)


def gravest_status(plan: AnalysisPlan, quality: DataQuality) -> HealthStatus:
    """The gravest of the checks."""
    order = (HealthStatus.OK, HealthStatus.WARNING, HealthStatus.BROKEN)
    return max((check.status for check in checks(plan, quality)), key=order.index)


def _sample_ratio(plan: AnalysisPlan, quality: DataQuality) -> HealthCheck:
    p, evidence = quality.chi_square_p, quality.split.largest
    if not (quality.split.warns or quality.split.blocks):
        message = Message.of("health.split_ok", p=PValue(p))
        return HealthCheck("sample_ratio", HealthStatus.OK, message, p, evidence)
    total = sum(quality.units.values())
    shares = tuple(
        Message.of(
            "health.share",
            variant=VariantName(arm),
            observed=Percent(quality.units[arm] / total),
            planned=Percent(share),
        )
        for arm, share in zip(plan.arms, plan.sequential.shares, strict=True)
    )
    status = HealthStatus.BROKEN if quality.split.blocks else HealthStatus.WARNING
    message = Message.of("health.split_off", shares=Listed(shares), p=PValue(p))
    return HealthCheck("sample_ratio", status, message, p, evidence)


def _contamination(quality: DataQuality) -> HealthCheck:
    mixed = sum(quality.contaminated.values())
    all_units = mixed + sum(quality.units.values())
    share = mixed / all_units if all_units else 0.0
    if mixed:
        figures = {"mixed": Number(mixed), "all": Number(all_units)}
        message = Message.counted("health.mixed", "mixed", **figures)
    else:
        message = Message.of("health.not_mixed")
    status = HealthStatus.WARNING if share > _MANY_MIXED else HealthStatus.OK
    return HealthCheck("contamination", status, message, share)


def _minimum_days(plan: AnalysisPlan, quality: DataQuality) -> HealthCheck:
    minimum = plan.plan.minimum_days
    message = Message.counted(
        "health.days", "days", days=Number(quality.day), needed=Number(minimum)
    )
    status = HealthStatus.OK if quality.day >= minimum else HealthStatus.WARNING
    return HealthCheck("minimum_days", status, message, float(quality.day))


def _exposures(quality: DataQuality) -> HealthCheck:
    empty = tuple(VariantName(arm) for arm, units in quality.units.items() if not units)
    units = float(sum(quality.units.values()))
    if empty:
        message = Message.of("health.unexposed", variants=Listed(empty, "or"))
        return HealthCheck("exposures", HealthStatus.WARNING, message, units)
    return HealthCheck("exposures", HealthStatus.OK, Message.of("health.exposed"), units)

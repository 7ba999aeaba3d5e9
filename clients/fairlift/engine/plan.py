"""How a campaign will be judged, and the rules that a plan obeys."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from fairlift.engine.audience import ATTRIBUTE_NAME
from fairlift.engine.errors import InvalidCampaign, Violation
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.metric import (
    CATALOGUE,
    DAYS_MAX,
    FAMILY_NAMES,
    ActionMeasure,
    ActionOf,
    CapAtAmount,
    CapAtQuantile,
    FunnelMetric,
    LineMeasure,
    MeanMetric,
    Metric,
    QuantileMetric,
    ReturnMeasure,
    catalogue_metric,
    suggestion,
)
from fairlift.engine.plan_lists import (
    MicroValue,
    SegmentBands,
    bands_violations,
    line_violations,
    worth_violations,
)

_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

# Long enough for most orders, short enough for most campaigns.
DEFAULT_WINDOW_DAYS = 3
SETTLE_HOURS_MAX = 168
# The lists of a plan that hold metrics.
ROLES = ("primary", "guardrails", "secondary")


@dataclass(frozen=True, slots=True)
class ObrienFleming:
    """Lan-DeMets spending of the O'Brien-Fleming type."""


@dataclass(frozen=True, slots=True)
class Pocock:
    """Lan-DeMets spending of the Pocock type."""


@dataclass(frozen=True, slots=True)
class HwangShihDecani:
    """The Hwang-Shih-DeCani family; -4 is close to O'Brien-Fleming, 1 to Pocock."""

    gamma: float = -4.0


@dataclass(frozen=True, slots=True)
class PowerSpending:
    """alpha t^rho (Kim and DeMets)."""

    rho: float = 2.0


Spending: TypeAlias = ObrienFleming | Pocock | HwangShihDecani | PowerSpending


@dataclass(frozen=True, slots=True)
class FixedHorizon:
    """One analysis, at the end."""


@dataclass(frozen=True, slots=True)
class GroupSequential:
    """Alpha spending over any number of looks, up to the planned units."""

    success: Spending = HwangShihDecani(-4.0)
    harm: Spending | None = None
    futility: Spending | None = HwangShihDecani(-2.0)


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """A mixture confidence sequence, valid at every moment."""


@dataclass(frozen=True, slots=True)
class Yeast:
    """A continuous O'Brien-Fleming boundary, up to the planned units."""


@dataclass(frozen=True, slots=True)
class ExactConversion:
    """The exact test of Lindon and Malek, from converters alone."""


@dataclass(frozen=True, slots=True)
class ExpectedLoss:
    """Bayesian: stop when the expected loss of the choice is below the threshold."""

    threshold: float
    prior_sd: float


Stopping: TypeAlias = (
    FixedHorizon | GroupSequential | AlwaysValid | Yeast | ExactConversion | ExpectedLoss
)


class Decide(StrEnum):
    """When success is judged; harm and the sample ratio are checked every day."""

    WEEKLY = "weekly"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """One metric in a plan.

    Attributes:
        metric: its name, of the catalogue or of the plan's own metrics.
        minimum_effect: relative, such as 0.05; for primary metrics.
        margin: relative, such as 0.02; for guardrails.
        absolute_margin: in the metric's own unit, in place of `margin`.
        window_days: for this metric alone; 0 is the same visit, None the metric's own window or
            else the plan's.
    """

    metric: str
    minimum_effect: float | None = None
    margin: float | None = None
    absolute_margin: float | None = None
    window_days: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a campaign will be judged. Made valid or not at all.

    Attributes:
        window_days: how long events count for a unit after its first exposure; 0 is the same visit,
            None until the analysis.
        decide: when success is judged.
        settle_hours: how long a day waits for its last events before it is over.
        rule_version: of the decision rule.
        bands: of numeric segments.
        micro_values: what actions are worth.

    Raises:
        InvalidCampaign: with every broken rule, by field path.
    """

    primary: tuple[PlannedMetric, ...]
    planned_units: int
    secondary: tuple[PlannedMetric, ...] = ()
    guardrails: tuple[PlannedMetric, ...] = ()
    metrics: tuple[Metric, ...] = ()
    alpha: float = 0.05
    power: float = 0.8
    minimum_days: int = 7
    maximum_days: int = 28
    window_days: int | None = DEFAULT_WINDOW_DAYS
    stopping: Stopping = GroupSequential()
    segments: tuple[str, ...] = ()
    covariate_days: int = 0
    identity_policy: IdentityPolicy = IdentityPolicy.FIRST_SEEN
    decide: Decide = Decide.WEEKLY
    settle_hours: int = 2
    rule_version: int = 1
    bands: tuple[SegmentBands, ...] = ()
    micro_values: tuple[MicroValue, ...] = ()

    def __post_init__(self) -> None:
        violations = [
            *_numbers(self),
            *_stopping(self),
            *_metrics(self),
            *_roles(self),
            *bands_violations(self.bands, self.segments),
            *worth_violations(self.micro_values),
        ]
        if violations:
            raise InvalidCampaign(violations)

    def metric(self, name: str) -> Metric:
        """The plan's own metric of this name, or the catalogue's, with the window planned for it.

        Raises:
            KeyError: neither knows it; cannot happen for the names in the plan.
        """
        metric = next((m for m in self.metrics if m.name == name), None) or catalogue_metric(name)
        if metric is None:
            raise KeyError(name)
        match metric.kind:
            case MeanMetric(ActionMeasure(action, ActionOf.VALUE)) if name.startswith(
                "micro_value("
            ):
                if action in self.worths:
                    worth = MeanMetric(ActionMeasure(action, ActionOf.WORTH))
                    metric = replace(metric, kind=worth)
        for planned in (*self.primary, *self.secondary, *self.guardrails):
            if planned.metric == name and planned.window_days is not None:
                return replace(metric, window_days=planned.window_days)
        return metric

    @property
    def worths(self) -> dict[str, float | None]:
        """What actions are worth, by name; None is worked out from the control."""
        return {worth.action: worth.weight for worth in self.micro_values}


def _numbers(plan: Plan) -> Iterator[Violation]:
    if not 0 < plan.alpha <= 0.5:
        yield Violation("alpha", f"is {plan.alpha}, must be above 0 and at most 0.5, such as 0.05")
    if not 0.5 <= plan.power < 1:
        yield Violation("power", f"is {plan.power}, must be at least 0.5 and below 1, such as 0.8")
    if plan.planned_units < 1:
        yield Violation(
            "planned_units",
            f"is {plan.planned_units or 'missing or 0'}, must be 1 or more: the units of all "
            "variants together at which the campaign ends at the latest; `fairlift plan` computes "
            "it",
        )
    if not 1 <= plan.minimum_days <= DAYS_MAX:
        yield Violation("minimum_days", f"is {plan.minimum_days}, must be 1 to {DAYS_MAX}")
    if not 7 <= plan.maximum_days <= DAYS_MAX or plan.maximum_days % 7:
        yield Violation(
            "maximum_days",
            f"is {plan.maximum_days}, must be whole weeks: 7, 14, 21, … "
            "(weekdays and weekends differ)",
        )
    elif plan.minimum_days > plan.maximum_days:
        yield Violation(
            "minimum_days",
            f"is {plan.minimum_days}, must not be above maximum_days, {plan.maximum_days}",
        )
    for name, days in (("window_days", plan.window_days), ("covariate_days", plan.covariate_days)):
        if days is not None and not 0 <= days <= DAYS_MAX:
            yield Violation(name, f"is {days}, must be 0 to {DAYS_MAX}")
    if not 0 <= plan.settle_hours <= SETTLE_HOURS_MAX:
        yield Violation(
            "settle_hours",
            f"is {plan.settle_hours}, must be 0 to {SETTLE_HOURS_MAX}; 30 for orders that are "
            "imported at night",
        )
    if len(plan.segments) > 10:
        yield Violation("segments", f"has {len(plan.segments)} attributes, must have at most 10")
    for index, attribute in enumerate(plan.segments):
        if not ATTRIBUTE_NAME.fullmatch(attribute):
            yield Violation(f"segments[{index}]", f"is {attribute!r}, must be an attribute's name")
        elif attribute in plan.segments[:index]:
            yield Violation(f"segments[{index}]", f"{attribute} is listed twice")


def _stopping(plan: Plan) -> Iterator[Violation]:
    match plan.stopping:
        case GroupSequential(success, harm, futility):
            for name, spending in (("success", success), ("harm", harm), ("futility", futility)):
                yield from _spending(f"stopping.group_sequential.{name}", spending)
        case ExactConversion():
            for index, planned in enumerate(plan.primary):
                if planned.metric != "conversion_rate":
                    yield Violation(
                        f"primary[{index}].metric",
                        f"is {planned.metric}, must be conversion_rate: exact_conversion counts "
                        "converters and nothing else; choose another stopping rule for it",
                        "not_conversion",
                    )
        case ExpectedLoss(threshold, prior_sd):
            where = "stopping.expected_loss"
            if not 0 < threshold < 1:
                yield Violation(
                    f"{where}.threshold",
                    f"is {threshold}, must be a relative loss above 0, such as 0.001",
                )
            if not 0 < prior_sd <= 1:
                yield Violation(
                    f"{where}.prior_sd",
                    f"is {prior_sd}, must be above 0 and at most 1, such as 0.03: with a flat "
                    "prior, stopping when it looks good ships losers",
                )


def _spending(where: str, spending: Spending | None) -> Iterator[Violation]:
    match spending:
        case PowerSpending(rho) if not 0 < rho <= 20:
            yield Violation(f"{where}.power.rho", f"is {rho}, must be above 0 and at most 20")
        case HwangShihDecani(gamma) if not (math.isfinite(gamma) and abs(gamma) <= 40):
            yield Violation(
                f"{where}.hwang_shih_decani.gamma", f"is {gamma}, must be between -40 and 40"
            )


def _metrics(plan: Plan) -> Iterator[Violation]:
    names = Counter(metric.name for metric in plan.metrics)
    for index, metric in enumerate(plan.metrics):
        where = f"metrics[{index}]"
        if not _METRIC_NAME.fullmatch(metric.name):
            yield Violation(
                f"{where}.name",
                f"is {metric.name!r}, must be lower-case letters, digits and _, a letter first",
            )
        elif catalogue_metric(metric.name):
            yield Violation(f"{where}.name", f"{metric.name} is built in; choose another name")
        elif names[metric.name] > 1:
            yield Violation(f"{where}.name", f"{metric.name} is the name of {names[metric.name]}")
        if metric.window_days is not None and not 0 <= metric.window_days <= DAYS_MAX:
            yield Violation(
                f"{where}.window_days", f"is {metric.window_days}, must be 0 to {DAYS_MAX}"
            )
        yield from _kind(where, metric, plan.worths)
        yield from _cap(where, metric)


def _kind(where: str, metric: Metric, worths: Collection[str]) -> Iterator[Violation]:
    match metric.kind:
        case QuantileMetric(at=at) if not 0 < at < 1:
            yield Violation(f"{where}.quantile.at", f"is {at}, must be between 0 and 1")
        case FunnelMetric(steps) if len(set(steps)) != len(steps) or len(steps) < 2:
            yield Violation(f"{where}.funnel.steps", "must be two or more different steps")
    for measure in metric.measures:
        match measure:
            case ActionMeasure(name) if not _METRIC_NAME.fullmatch(name):
                yield Violation(
                    where,
                    f"action {name!r} must be lower-case letters, digits and _, a letter first",
                )
            case ReturnMeasure(first, last) if not 0 <= first < last <= DAYS_MAX:
                yield Violation(
                    where, f"from_day {first} must be below to_day {last}, at most {DAYS_MAX}"
                )
            case LineMeasure():
                yield from line_violations(where, measure)
            case ActionMeasure(name, ActionOf.WORTH) if name not in worths:
                yield Violation(
                    where,
                    f"the worth of {name} is not known; give it in micro_values: "
                    f"{{action: {name}, weight: 300}}, or {{action: {name}, calibrated: {{}}}}",
                )


def _cap(where: str, metric: Metric) -> Iterator[Violation]:
    match metric.cap:
        case CapAtQuantile(quantile) if not 0.5 <= quantile < 1:
            yield Violation(
                f"{where}.cap.quantile",
                f"is {quantile}, must be at least 0.5 and below 1, such as 0.99",
            )
        case CapAtAmount(amount) if not (math.isfinite(amount) and amount > 0):
            yield Violation(f"{where}.cap.amount", f"is {amount}, must be above 0")


def _roles(plan: Plan) -> Iterator[Violation]:
    if not plan.primary:
        yield Violation("primary", "is empty; name the primary metric")
    if len(plan.primary) > 5:
        yield Violation("primary", f"has {len(plan.primary)} metrics, must have at most 5")
    own = {metric.name for metric in plan.metrics}
    seen: dict[str, str] = {}
    for role in ROLES:
        for index, planned in enumerate(getattr(plan, role)):
            where = f"{role}[{index}]"
            if planned.metric not in own and catalogue_metric(planned.metric) is None:
                known = suggestion(planned.metric, [*own, *CATALOGUE, *FAMILY_NAMES])
                message = f"{planned.metric!r} is not known; {known}"
                yield Violation(f"{where}.metric", message, "unknown")
            elif planned.metric in seen:
                message = f"{planned.metric} is already in {seen[planned.metric]}"
                yield Violation(f"{where}.metric", message, "twice")
            seen.setdefault(planned.metric, role)
            yield from _relative(where, role, planned)
            yield from _window(where, plan, planned)


def _window(where: str, plan: Plan, planned: PlannedMetric) -> Iterator[Violation]:
    days = planned.window_days
    if days is None:
        return
    if not 0 <= days <= DAYS_MAX:
        yield Violation(f"{where}.window_days", f"is {days}, must be 0 to {DAYS_MAX}")
    own = next((m for m in plan.metrics if m.name == planned.metric), None)
    metric = own or catalogue_metric(planned.metric)
    if metric is not None and metric.has_own_window:
        yield Violation(
            f"{where}.window_days",
            f"is {days}, but {planned.metric} has a window of its own; leave it out",
            "own_window",
        )


def _relative(where: str, role: str, planned: PlannedMetric) -> Iterator[Violation]:
    effect, margin = planned.minimum_effect, planned.margin
    if effect is not None and not 0 < effect <= 10:
        yield Violation(
            f"{where}.minimum_effect", f"is {effect}, must be above 0 and at most 10, such as 0.05"
        )
    if role == "primary" and effect is None:
        yield Violation(
            f"{where}.minimum_effect",
            "is missing; give the smallest relative change worth detecting, such as 0.05",
            "missing",
        )
    if margin is not None and not 0 < margin < 1:
        yield Violation(f"{where}.margin", f"is {margin}, must be between 0 and 1, such as 0.02")
    absolute = planned.absolute_margin
    if absolute is not None and not (math.isfinite(absolute) and absolute > 0):
        yield Violation(
            f"{where}.absolute_margin", f"is {absolute}, must be above 0, in the metric's own unit"
        )
    if role != "guardrails":
        return
    if margin is None and absolute is None:
        yield Violation(
            f"{where}.margin",
            "is missing; say how much worse is still harmless: margin, such as 0.02, or "
            "absolute_margin, in the metric's own unit",
        )
    elif margin is not None and absolute is not None:
        yield Violation(
            f"{where}.absolute_margin", "is set beside margin; a guardrail has one of the two"
        )

"""What was promised before the start: how a campaign is judged."""

import math
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from fairlift_stats.data.metrics import Direction, MetricUnit
from fairlift_stats.effects import Role
from fairlift_stats.sequential.errors import BadLevel, BadPlan, FlatPrior, UnknownArm
from fairlift_stats.sequential.group_sequential.spending import Side, Spending

Engine: TypeAlias = Literal[
    "group_sequential",
    "always_valid",
    "yeast",
    "exact_conversion",
    "fixed",
    "bayes_expected_loss",
]
Needs: TypeAlias = Literal["converters", "orders", "nothing"]
Decide: TypeAlias = Literal["weekly", "daily"]

WEEK: Final = 7
# The share of the harm error that is spent daily, on catastrophes; judging looks have the rest.
DAILY_SHARE: Final = 0.04
# Weeks that a plan is tuned to when it names no end.
_USUAL_WEEKS: Final = 4
# A reserve pays for as many units again as were planned.
_RESERVE_END: Final = 2.0


@dataclass(frozen=True, slots=True)
class SequentialMetric:
    """One metric of a plan.

    Attributes:
        name: as in the campaign.
        role: a primary owns the error rates; a guardrail must not suffer; a secondary is shown.
        direction: which way is better.
        unit: share, money or count; decides how numbers are written.
        needs: what must be there in each arm before it is judged: converters or orders.
        margin: a guardrail may be this share of the control worse and still be safe, e.g. 0.02.
        absolute_margin: the same in the metric's own unit, e.g. 0.60 of the currency.
        minimum_effect: the smallest lift worth finding, for the sentence on what is missing.
        among_buyers: the metric looks at buyers only (average ticket, items per order).
        is_never_negative: no figure of it is below zero, so no lift is below −100 %.
    """

    name: str
    role: Role = "primary"
    direction: Direction = "higher"
    unit: MetricUnit = "share"
    needs: Needs = "converters"
    margin: float | None = None
    absolute_margin: float | None = None
    minimum_effect: float | None = None
    among_buyers: bool = False
    is_never_negative: bool = False

    def __post_init__(self) -> None:
        """Refuse a metric that cannot be judged."""
        if not self.name:
            raise BadPlan("metric: has no name")
        where = f"metric {self.name}"
        if self.margin is not None and not 0 < self.margin < 1:
            raise BadPlan(f"{where}: margin is {self.margin}, must be in (0, 1)")
        if self.absolute_margin is not None and not _is_positive(self.absolute_margin):
            raise BadPlan(
                f"{where}: absolute_margin is {self.absolute_margin}, must be finite and above 0,"
                " in the metric's own unit"
            )
        margins = (self.margin is not None) + (self.absolute_margin is not None)
        if self.role == "guardrail" and margins != 1:
            raise BadPlan(
                f"{where}: a guardrail has exactly one of margin and absolute_margin, found"
                f" {margins}; say how much worse is still harmless, such as margin 0.02"
            )
        if self.role != "guardrail" and margins:
            raise BadPlan(f"{where}: only a guardrail has a margin, role is {self.role}")
        if self.minimum_effect is not None and not _is_positive(self.minimum_effect):
            raise BadPlan(f"{where}: minimum_effect is {self.minimum_effect}, must be above 0")


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """How a running campaign is judged. The first arm is the control.

    Attributes:
        arms: variants, the control first.
        metrics: at least one primary.
        n_max: mature units of all arms together at which entry ends; for `always_valid` and
            `exact_conversion` the size that they are tuned to.
        shares: planned split of units over the arms; equal when empty.
        engine: the rule that draws the lines.
        decide: whether success is judged when whole weeks of entry are mature, or at every day's
            look from `minimum_days` on.
        window_days: the longest window of the primaries: a unit counts when so many days have
            passed since its first exposure.
        minimum_days: no success before as many full days of entry.
        maximum_days: full days of entry after which the campaign ends whatever has come; None
            ends by units alone.
        alpha: probability of a false alarm of the primary metrics, over all sides, arms and looks.
        sides: 2 watches for harm on the primary too.
        power: probability to find the effect that the plan was sized for.
        spending: how success error is spent.
        harm_spending: how the part of the harm error is spent that the judging looks have.
        futility: how 1 - power is spent on giving up; None never gives up early.
        looks: planned information fractions at which success is judged, the last at 1; by the
            calendar when empty.
        minimum_converters: in each arm, for metrics that need converters.
        minimum_orders: in each arm, for metrics that need orders.
        reserve_alpha: part of alpha kept for an extension up to twice n_max.
        planned_converters: for `exact_conversion`: converters of all arms together at n_max.
        prior_sd: deviation of true lifts, for `bayes_expected_loss` and for forecasts.
        loss_threshold: relative loss that may be risked, for `bayes_expected_loss`.
        currency: ISO 4217, for metrics of money.
        drift: E[Z] at n_max under the planned effect; `with_drift` finds it.
        rule_version: of the written rule by which the log is judged.

    Raises:
        BadPlan: and its kinds, when the plan cannot be obeyed.
    """

    arms: tuple[str, ...]
    metrics: tuple[SequentialMetric, ...]
    n_max: int
    shares: tuple[float, ...] = ()
    engine: Engine = "group_sequential"
    decide: Decide = "weekly"
    window_days: int = 0
    minimum_days: int = 7
    maximum_days: int | None = None
    alpha: float = 0.05
    sides: int = 2
    power: float = 0.8
    spending: Spending = field(default=Spending("hsd", -4.0))
    harm_spending: Spending = field(default=Spending("lan_demets_pocock"))
    futility: Spending | None = field(default=Spending("hsd", -2.0))
    looks: tuple[float, ...] = ()
    minimum_converters: int = 25
    minimum_orders: int = 100
    reserve_alpha: float = 0.0
    planned_converters: int | None = None
    prior_sd: float | None = 0.03
    loss_threshold: float = 0.001
    currency: str = "EUR"
    drift: float | None = None
    rule_version: int = 1

    def __post_init__(self) -> None:
        """Fill in equal shares and planned looks; refuse what cannot be obeyed."""
        if not self.shares and self.arms:
            object.__setattr__(self, "shares", (1 / len(self.arms),) * len(self.arms))
        _check_names(self)
        _check_levels(self)
        _check_sizes(self)
        _check_days(self)
        if not self.looks:
            object.__setattr__(self, "looks", _planned_looks(self))
        _check_looks(self)

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms that are compared with the control."""
        return self.arms[1:]

    @property
    def primaries(self) -> tuple[SequentialMetric, ...]:
        """The metrics that own the error rates."""
        return tuple(metric for metric in self.metrics if metric.role == "primary")

    @property
    def guardrails(self) -> tuple[SequentialMetric, ...]:
        """The metrics that must not suffer."""
        return tuple(metric for metric in self.metrics if metric.role == "guardrail")

    @property
    def comparisons(self) -> int:
        """How many comparisons share alpha (Bonferroni): treatments times primaries."""
        return len(self.treatments) * len(self.primaries)

    @property
    def level(self) -> float:
        """Error of one side of one comparison, the reserve left out."""
        return (self.alpha - self.reserve_alpha) / (self.sides * self.comparisons)

    @property
    def has_own_lines(self) -> bool:
        """True for engines whose line holds at every day's look, on both sides."""
        return self.engine in ("always_valid", "yeast", "exact_conversion")

    @property
    def ends_by_units(self) -> bool:
        """True when entry ends with the planned units."""
        return self.engine not in ("always_valid", "exact_conversion")

    @property
    def furthest(self) -> float:
        """Information at which entry ends; infinite where units do not end the plan."""
        if self.reserve_alpha:
            return _RESERVE_END
        return 1.0 if self.ends_by_units else math.inf

    def metric(self, name: str) -> SequentialMetric:
        """The metric of this name.

        Raises:
            UnknownArm: the plan has no such metric.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise UnknownArm("metric", name, tuple(metric.name for metric in self.metrics))

    def information(self, units: float) -> float:
        """Share of the planned information that these units bring."""
        return units / self.n_max


def success_side(plan: SequentialPlan) -> Side:
    """The error of one comparison's upper side."""
    if plan.engine == "fixed":
        return Side(Spending("at_the_end"), plan.level)
    return Side(plan.spending, plan.level)


def harm_side(plan: SequentialPlan) -> Side | None:
    """The error of one comparison's lower side at judging looks, if the plan watches it."""
    if plan.sides == 1:
        return None
    return Side(plan.harm_spending, (1 - DAILY_SHARE) * plan.level)


def guardrail_level(plan: SequentialPlan) -> float:
    """Error of the harm alarm of one guardrail in one treatment."""
    return plan.alpha / 2 / (len(plan.guardrails) * len(plan.treatments))


def daily_level(plan: SequentialPlan) -> float:
    """Error of the daily alarm of one primary in one treatment; the built-in alarm has as much."""
    return DAILY_SHARE * plan.alpha / 2 / (len(plan.treatments) * (len(plan.primaries) + 1))


def _planned_looks(plan: SequentialPlan) -> tuple[float, ...]:
    """Information at the looks that will judge success, at an even pace of entry."""
    days = plan.maximum_days or _USUAL_WEEKS * WEEK
    if plan.decide == "weekly" and not plan.has_own_lines:
        first, step = WEEK * max(1, math.ceil(plan.minimum_days / WEEK)), WEEK
    else:
        first, step = max(1, plan.minimum_days), 1
    times = tuple(day / days for day in range(first, days, step))
    return (*times, 1.0)


def _check_names(plan: SequentialPlan) -> None:
    if len(plan.arms) < 2 or len(set(plan.arms)) != len(plan.arms):
        raise BadPlan(f"arms: are {plan.arms}, must be two or more different names, control first")
    for name, value, known in (
        ("engine", plan.engine, get_args(Engine)),
        ("decide", plan.decide, get_args(Decide)),
    ):
        if value not in known:
            raise BadPlan(f"{name}: {value!r} is not known; use one of {known}")
    names = [metric.name for metric in plan.metrics]
    if len(set(names)) != len(names):
        raise BadPlan(f"metrics: {names} name one twice")
    if not plan.primaries:
        raise BadPlan("metrics: none is primary; a plan needs one to decide by")
    if plan.rule_version != 1:
        raise BadPlan(f"rule_version: is {plan.rule_version}, this library knows version 1")


def _check_levels(plan: SequentialPlan) -> None:
    for name in ("alpha", "power", "loss_threshold"):
        if not 0 < getattr(plan, name) < 1:
            raise BadLevel(name, getattr(plan, name))
    if plan.sides not in (1, 2):
        raise BadPlan(f"sides: is {plan.sides}, must be 1 or 2")
    if not 0 <= plan.reserve_alpha < plan.alpha:
        raise BadPlan(f"reserve_alpha: is {plan.reserve_alpha}, must be 0 or more and below alpha")
    if plan.reserve_alpha and plan.engine != "group_sequential":
        raise BadPlan("reserve_alpha: only a group sequential plan ends, so only it has a reserve")
    if plan.engine == "bayes_expected_loss" and not _is_positive(plan.prior_sd):
        raise FlatPrior(plan.prior_sd)
    if plan.prior_sd is not None and not _is_positive(plan.prior_sd):
        raise BadPlan(f"prior_sd: is {plan.prior_sd}, must be finite and above 0")


def _check_sizes(plan: SequentialPlan) -> None:
    if not len(plan.arms) <= plan.n_max < math.inf or plan.n_max != int(plan.n_max):
        raise BadPlan(f"n_max: is {plan.n_max}, must be whole, and at least one unit per arm")
    if plan.drift is not None and not _is_positive(plan.drift):
        raise BadPlan(f"drift: is {plan.drift}, must be finite and above 0; `with_drift` finds it")
    if len(plan.shares) != len(plan.arms) or not all(_is_positive(s) for s in plan.shares):
        raise BadPlan(f"shares: are {plan.shares}, must be one positive share per arm")
    if abs(sum(plan.shares) - 1) > 1e-6:
        raise BadPlan(f"shares: sum to {sum(plan.shares)}, must sum to 1")
    for name in ("minimum_converters", "minimum_orders"):
        if not (math.isfinite(getattr(plan, name)) and getattr(plan, name) >= 0):
            raise BadPlan(f"{name}: is {getattr(plan, name)}, must be 0 or more")
    if plan.engine != "exact_conversion":
        return
    if not _is_positive(plan.planned_converters):
        raise BadPlan(
            f"planned_converters: is {plan.planned_converters}, must be above 0 for the exact"
            " conversion test; n_max times the usual conversion rate will do"
        )
    for metric in plan.primaries:
        if metric.unit != "share" or metric.needs != "converters":
            raise BadPlan(
                f"metric {metric.name}: is not a conversion rate, which is all that the exact"
                " conversion test can judge; choose another engine for it"
            )


def _check_days(plan: SequentialPlan) -> None:
    for name in ("window_days", "minimum_days"):
        value = getattr(plan, name)
        if not (math.isfinite(value) and value >= 0 and value == int(value)):
            raise BadPlan(f"{name}: is {value}, must be whole days, 0 or more")
    least_days = max(1, plan.minimum_days)
    if plan.maximum_days is None:
        return
    if not least_days <= plan.maximum_days < math.inf:
        raise BadPlan(
            f"maximum_days: is {plan.maximum_days}, must be at least {least_days}: there is no"
            " success before; leave it out to end by units alone"
        )


def _check_looks(plan: SequentialPlan) -> None:
    rising = all(a < b for a, b in zip((0.0, *plan.looks), plan.looks, strict=False))
    if not rising or plan.looks[-1] != 1:
        raise BadPlan(f"looks: are {plan.looks}, must rise from above 0 to 1")


def _is_positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0

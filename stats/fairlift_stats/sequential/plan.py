"""What was promised before the start: how the campaign is judged, sealed by a hash."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, get_args

from fairlift_stats.data.metrics import Direction, MetricUnit
from fairlift_stats.effects import Role
from fairlift_stats.sequential.errors import BadLevel, BadPlan, FlatPrior
from fairlift_stats.sequential.group_sequential.classical_lines import equal_times
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

# Traffic does not stop to the visitor: the first look this little past the end is still the last.
OVERRUN: Final = 1.10
# A reserve pays for as many units again as were planned.
_RESERVE_END: Final = 2.0


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """One metric of a plan.

    Attributes:
        name: as in the campaign.
        role: a primary owns the error rates; a guardrail must not suffer; a secondary only tells.
        direction: which way is better.
        unit: share, money or count; tells how numbers are written.
        needs: what must be there in each arm before it is judged: converters or orders.
        margin: a guardrail may be this share worse and still pass, e.g. 0.02.
    """

    name: str
    role: Role = "primary"
    direction: Direction = "higher"
    unit: MetricUnit = "share"
    needs: Needs = "converters"
    margin: float | None = None

    def __post_init__(self) -> None:
        """Refuse a metric that cannot be judged."""
        if not self.name:
            raise BadPlan("metric: has no name")
        if self.margin is not None and not 0 < self.margin < 1:
            raise BadPlan(f"metric {self.name}: margin is {self.margin}, must be in (0, 1)")
        if self.margin is not None and self.role != "guardrail":
            raise BadPlan(f"metric {self.name}: only a guardrail has a margin, role is {self.role}")


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """How a running campaign is judged. The first arm is the control.

    Attributes:
        arms: variants, the control first.
        metrics: at least one primary.
        n_max: units of all arms together at which the plan ends; for `always_valid` and
            `exact_conversion` the size that they are tuned to.
        shares: planned split of units over the arms; equal when empty.
        engine: the rule that draws the lines.
        alpha: probability of a false alarm of the primary metrics, over all sides, arms and looks.
        sides: 2 watches for harm on the primary too.
        power: probability to find the effect that the plan was sized for.
        spending: how success error is spent.
        harm_spending: how harm error is spent, if not the same way.
        futility: how 1 - power is spent on giving up; None never gives up early.
        looks: planned information fractions, the last at 1.
        minimum_step: information between looks, below which a reading is not a look.
        minimum_days: no success before as many full days.
        maximum_days: the first look on this full day or later is the last, whatever has come by
            then; None ends by units alone.
        whole_weeks: success is declared on whole weeks only, for shops have weekdays.
        minimum_converters: in each arm, for metrics that need converters.
        minimum_orders: in each arm, for metrics that need orders.
        reserve_alpha: part of alpha kept for an extension up to twice n_max.
        planned_converters: for `exact_conversion`: converters of all arms together at n_max.
        prior_sd: deviation of true lifts, for `bayes_expected_loss` and for forecasts.
        loss_threshold: relative loss that may be risked, for `bayes_expected_loss`.
        currency: ISO 4217, for metrics of money.
        drift: E[Z] at n_max under the planned effect; `sealed` finds it.

    Raises:
        BadPlan: and its kinds, when the plan cannot be obeyed.
    """

    arms: tuple[str, ...]
    metrics: tuple[PlannedMetric, ...]
    n_max: int
    shares: tuple[float, ...] = ()
    engine: Engine = "group_sequential"
    alpha: float = 0.05
    sides: int = 2
    power: float = 0.8
    spending: Spending = field(default=Spending("hsd", -4.0))
    harm_spending: Spending | None = None
    futility: Spending | None = field(default=Spending("hsd", -2.0))
    looks: tuple[float, ...] = field(default=equal_times(14))
    minimum_step: float = 0.01
    minimum_days: int = 7
    maximum_days: int | None = None
    whole_weeks: bool = True
    minimum_converters: int = 25
    minimum_orders: int = 100
    reserve_alpha: float = 0.0
    planned_converters: int | None = None
    prior_sd: float | None = 0.03
    loss_threshold: float = 0.001
    currency: str = "EUR"
    drift: float | None = None

    def __post_init__(self) -> None:
        """Fill in equal shares; refuse what cannot be obeyed."""
        if not self.shares and self.arms:
            object.__setattr__(self, "shares", (1 / len(self.arms),) * len(self.arms))
        _check_names(self)
        _check_levels(self)
        _check_sizes(self)

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms that are compared with the control."""
        return self.arms[1:]

    @property
    def primaries(self) -> tuple[PlannedMetric, ...]:
        """The metrics that own the error rates."""
        return tuple(metric for metric in self.metrics if metric.role == "primary")

    @property
    def guardrails(self) -> tuple[PlannedMetric, ...]:
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
    def ends(self) -> bool:
        """True when no look may follow the one at n_max, whatever the day."""
        return self.engine in ("group_sequential", "yeast", "fixed") and not self.reserve_alpha

    def is_over(self, day: int) -> bool:
        """True when the campaign's days are over on this full day."""
        return self.maximum_days is not None and day >= self.maximum_days

    def is_last(self, information: float, day: int) -> bool:
        """True when no look may follow one with this information on this full day."""
        if self.reserve_alpha:
            return information >= _RESERVE_END or self.is_over(day)
        return (self.ends and information >= 1) or self.is_over(day)

    @property
    def furthest(self) -> float:
        """Information beyond which no look is taken; infinite where units do not end the plan."""
        if self.reserve_alpha:
            return _RESERVE_END
        return OVERRUN if self.ends else math.inf

    def information(self, units: float) -> float:
        """Share of the planned information that these units bring."""
        return units / self.n_max

    def fingerprint(self) -> str:
        """SHA-256 of the plan's canonical form: what a look log is bound to."""
        return _fingerprint(self)

    def to_json(self) -> str:
        """The plan in canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "SequentialPlan":
        """The plan that `to_json` wrote.

        Raises:
            BadPlan: the text is no plan.
        """
        try:
            return cls(**_plan_fields(json.loads(text)))
        except (TypeError, KeyError, ValueError) as error:
            if isinstance(error, BadPlan):
                raise
            raise BadPlan(f"plan: cannot be read: {error}") from error


def _check_names(plan: SequentialPlan) -> None:
    if len(plan.arms) < 2 or len(set(plan.arms)) != len(plan.arms):
        raise BadPlan(f"arms: are {plan.arms}, must be two or more different names, control first")
    if plan.engine not in get_args(Engine):
        raise BadPlan(f"engine: {plan.engine!r} is not known; use one of {get_args(Engine)}")
    names = [metric.name for metric in plan.metrics]
    if len(set(names)) != len(names):
        raise BadPlan(f"metrics: {names} name one twice")
    if not plan.primaries:
        raise BadPlan("metrics: none is primary; a plan needs one to decide by")


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
        raise BadPlan(f"drift: is {plan.drift}, must be finite and above 0; `sealed` finds it")
    if len(plan.shares) != len(plan.arms) or not all(_is_positive(s) for s in plan.shares):
        raise BadPlan(f"shares: are {plan.shares}, must be one positive share per arm")
    if abs(sum(plan.shares) - 1) > 1e-6:
        raise BadPlan(f"shares: sum to {sum(plan.shares)}, must sum to 1")
    rising = all(a < b for a, b in zip((0.0, *plan.looks), plan.looks, strict=False))
    if not plan.looks or not rising or plan.looks[-1] != 1:
        raise BadPlan(f"looks: are {plan.looks}, must rise from above 0 to 1")
    for name in ("minimum_days", "minimum_converters", "minimum_orders", "minimum_step"):
        if not (math.isfinite(getattr(plan, name)) and getattr(plan, name) >= 0):
            raise BadPlan(f"{name}: is {getattr(plan, name)}, must be 0 or more")
    least_days = max(1, plan.minimum_days)
    if plan.maximum_days is not None and not least_days <= plan.maximum_days < math.inf:
        raise BadPlan(
            f"maximum_days: is {plan.maximum_days}, must be at least {least_days}, because success"
            " is not judged before; leave it out to end by units alone"
        )
    if plan.engine == "exact_conversion" and not _is_positive(plan.planned_converters):
        raise BadPlan(
            f"planned_converters: is {plan.planned_converters}, must be above 0 for the exact"
            " conversion test; n_max times the usual conversion rate will do"
        )


def _is_positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


# JSON values of many shapes pass here.
def _plan_fields(read: dict[str, Any]) -> dict[str, Any]:
    known = {f.name for f in fields(SequentialPlan)}
    if unknown := set(read) - known:
        raise BadPlan(f"plan: {sorted(unknown)} are not known")
    spendings: dict[str, Any] = {
        name: None if read[name] is None else Spending(**read[name])
        for name in ("spending", "harm_spending", "futility")
        if name in read
    }
    metrics = tuple(PlannedMetric(**metric) for metric in read["metrics"])
    tuples: dict[str, Any] = {
        name: tuple(read[name]) for name in ("arms", "shares", "looks") if name in read
    }
    return {**read, **spendings, **tuples, "metrics": metrics}


@lru_cache(maxsize=256)
def _fingerprint(plan: SequentialPlan) -> str:
    # Drift follows from the rest, and its last digit from the machine.
    return hashlib.sha256(replace(plan, drift=None).to_json().encode()).hexdigest()


def success_side(plan: SequentialPlan) -> Side:
    """The error of one comparison's upper side."""
    return Side(plan.spending, plan.level)


def harm_side(plan: SequentialPlan) -> Side | None:
    """The error of one comparison's lower side, if the plan watches it."""
    return Side(plan.harm_spending or plan.spending, plan.level) if plan.sides == 2 else None

"""The question of a report: which metrics, in which roles, against which control."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from fairlift_stats.bayes.shrinkage import LiftPrior
from fairlift_stats.data.metrics import Funnel, Metric
from fairlift_stats.data.moments import products_of, thirds_of
from fairlift_stats.data.summary import Pair, Triple
from fairlift_stats.effects import Role
from fairlift_stats.errors import BadQuestion
from fairlift_stats.report.layout import Layout

__all__ = ["Guardrail", "MetricInRole", "Metrics", "Question"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that may not get worse by more than a margin.

    Attributes:
        metric: what must not suffer.
        margin: a share of the control: 0.02 is 2 %.
        absolute_margin: an amount in the metric's own unit, where a share of the control has no
            meaning: the coupon cost beside an arm without coupons.
    """

    metric: Metric
    margin: float | None = None
    absolute_margin: float | None = None

    def __post_init__(self) -> None:
        """Refuse a margin of 0: no data can show that nothing at all was lost."""
        if (self.margin is None) == (self.absolute_margin is None):
            raise BadQuestion(
                f"{self.metric.name}: a guardrail has one of margin and absolute_margin"
            )
        if self.margin is not None and not 0 < self.margin < 1:
            raise BadQuestion(
                f"{self.metric.name}: margin is {self.margin}, must lie between 0 and 1, e.g. 0.02"
            )
        if self.absolute_margin is not None and not 0 < self.absolute_margin < math.inf:
            raise BadQuestion(
                f"{self.metric.name}: absolute_margin is {self.absolute_margin}, must be above 0"
            )


@dataclass(frozen=True, slots=True)
class MetricInRole:
    """A metric with its role in the plan; guardrails have a margin."""

    metric: Metric
    role: Role
    margin: float | None = None
    absolute_margin: float | None = None


Metrics: TypeAlias = tuple[Metric | Funnel, ...]


@dataclass(frozen=True)
class Question:
    """What a report compares, and how.

    Attributes:
        primary, secondary, guardrails: the metrics by role.
        control: name of the control variant.
        confidence: of all intervals.
        prior: on the lift; None is flat.
        rope: the lift that counts as no lift, 0.01 being ±1 %.
    """

    primary: Metrics
    secondary: Metrics = ()
    guardrails: tuple[Guardrail, ...] = ()
    control: str = "control"
    confidence: float = 0.95
    prior: LiftPrior | None = None
    rope: float = 0.01

    def __post_init__(self) -> None:
        """Refuse a question that no report can answer."""
        if not 0 < self.confidence < 1:
            raise BadQuestion(
                f"confidence: is {self.confidence}, must lie between 0 and 1, e.g. 0.95"
            )
        if not 0 <= self.rope < 1:
            raise BadQuestion(f"rope: is {self.rope}, must be 0 or more and below 1, e.g. 0.01")
        names = [planned.metric.name for planned in self.metrics]
        if not names:
            raise BadQuestion("metrics: is empty; name at least one primary metric")
        if len(set(names)) < len(names):
            raise BadQuestion(f"metrics: {names} has a name twice; each metric may appear once")

    @cached_property
    def metrics(self) -> tuple[MetricInRole, ...]:
        """Every metric with its role; a funnel as its rates."""
        return (
            *(
                MetricInRole(rate_or_metric, role)
                for role, metrics in self._by_role
                for metric in metrics
                for rate_or_metric in (metric.rates if isinstance(metric, Funnel) else (metric,))
            ),
            *(
                MetricInRole(g.metric, "guardrail", g.margin, g.absolute_margin)
                for g in self.guardrails
            ),
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns whose sums the summaries must hold: one query."""
        return tuple(dict.fromkeys(c for p in self.metrics for c in p.metric.columns))

    @cached_property
    def products(self) -> tuple[Pair, ...]:
        """The products of columns whose sums they must hold."""
        return products_of(p.metric for p in self.metrics)

    @cached_property
    def thirds(self) -> tuple[Triple, ...]:
        """The third moments that make the warnings of skewness possible; optional."""
        return thirds_of(p.metric for p in self.metrics)

    @cached_property
    def layout(self) -> Layout:
        """Where the columns of the metrics stand."""
        return Layout.of([planned.metric for planned in self.metrics], self.columns)

    @property
    def alpha(self) -> float:
        """1 − confidence."""
        return 1 - self.confidence

    @property
    def _by_role(self) -> tuple[tuple[Role, Metrics], ...]:
        return (("primary", self.primary), ("secondary", self.secondary))

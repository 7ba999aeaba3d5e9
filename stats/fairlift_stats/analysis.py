"""What to compare and how: the columns it needs, and from summaries the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from fairlift_stats.bayes.shrinkage import LiftPrior
from fairlift_stats.errors import BadQuestion, MissingColumn, UnknownVariant
from fairlift_stats.layout import Layout
from fairlift_stats.metrics import Funnel, Metric
from fairlift_stats.moments import products_of, thirds_of
from fairlift_stats.quantiles import Quantiles
from fairlift_stats.report import answer
from fairlift_stats.results import Result, Role
from fairlift_stats.segment_report import SegmentFamily, segment_families
from fairlift_stats.segments import SegmentPrior
from fairlift_stats.summary import Pair, Summary, Triple

__all__ = ["Analysis", "Guardrail", "Planned", "Report", "compare"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse by more than a share of the control: 0.02 is 2 %."""

    metric: Metric
    margin: float

    def __post_init__(self) -> None:
        """A margin of 0 asks for proof that nothing at all was lost, which no data give."""
        if not 0 < self.margin < 1:
            raise BadQuestion(
                f"{self.metric.name}: margin is {self.margin}, must lie between 0 and 1, e.g. 0.02"
            )


@dataclass(frozen=True, slots=True)
class Planned:
    """A metric with the part it plays."""

    metric: Metric
    role: Role
    margin: float | None = None


Metrics: TypeAlias = tuple[Metric | Funnel, ...]


@dataclass(frozen=True)
class Report:
    """Answers for every metric and treatment arm, in the order of the analysis."""

    control: str
    variants: tuple[str, ...]
    confidence: float
    results: tuple[Result, ...]

    def __getitem__(self, key: tuple[str, str]) -> Result:
        """The answer of one metric and treatment: `report["conversion_rate", "banner"]`.

        Raises:
            UnknownVariant: there is no such pair.
        """
        try:
            return self._by_key[key]
        except KeyError:
            raise UnknownVariant(
                f"{key} is not in the report, which has {[*self._by_key]}"
            ) from None

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Result]:
        return {(r.metric, r.variant): r for r in self.results}


@dataclass(frozen=True)
class Analysis:
    """Metrics with their roles, the control, and the confidence; turns summaries into a report.

    Args of `prior`: None is flat; `rope` is the lift that counts as no lift, 0.01 being ±1 %.

    >>> from fairlift_stats import Rate, Summary
    >>> analysis = Analysis(primary=(Rate("conversion_rate", "converted"),))
    >>> report = analysis.report({
    ...     "control": Summary.from_sums(2400, {"converted": 120}, {}),
    ...     "banner": Summary.from_sums(2380, {"converted": 156}, {}),
    ... })
    >>> result = report["conversion_rate", "banner"]
    >>> round(result.lift.value, 3), round(result.p_value, 4)
    (0.311, 0.0212)
    """

    primary: Metrics
    secondary: Metrics = ()
    guardrails: tuple[Guardrail, ...] = ()
    control: str = "control"
    confidence: float = 0.95
    prior: LiftPrior | None = None
    rope: float = 0.01

    def __post_init__(self) -> None:
        """Refuse what no report can answer."""
        if not 0 < self.confidence < 1:
            raise BadQuestion(
                f"confidence: is {self.confidence}, must lie between 0 and 1, e.g. 0.95"
            )
        if not 0 <= self.rope < 1:
            raise BadQuestion(f"rope: is {self.rope}, must be 0 or more and below 1, e.g. 0.01")
        names = [planned.metric.name for planned in self.metrics]
        if not names:
            raise BadQuestion("metrics: is empty; give at least one primary metric")
        if len(set(names)) < len(names):
            raise BadQuestion(f"metrics: {names} repeat a name; each name must be used once")

    @cached_property
    def metrics(self) -> tuple[Planned, ...]:
        """Every metric with its role; a funnel as its rates."""
        plain = [(m, role) for role, group in self._groups for m in group]
        return (
            *(
                Planned(metric, role)
                for whole, role in plain
                for metric in (whole.rates if isinstance(whole, Funnel) else (whole,))
            ),
            *(Planned(g.metric, "guardrail", g.margin) for g in self.guardrails),
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

    def report(
        self, summaries: Mapping[str, Summary], quantiles: Mapping[str, Quantiles] | None = None
    ) -> Report:
        """Answers for every metric and every variant but the control.

        Args:
            summaries: by variant.
            quantiles: by variant and metric, what `Quantile` metrics need; sums do not tell it.

        Raises:
            UnknownVariant: the control is missing, or there is no treatment.
            MissingColumn: a summary lacks a column or product that a metric needs, or a variant
                the quantiles that are asked for.
            BadSummary: a rate counts more successes than units.
        """
        if self.control not in summaries or len(summaries) < 2:
            raise UnknownVariant(
                f"variants {[*summaries]}: need {self.control!r} as the control and another one"
            )
        treatments = tuple(name for name in summaries if name != self.control)
        variants = (self.control, *treatments)
        beside = [(quantiles or {}).get(name) for name in variants]
        if self.layout.quantiles and None in beside:
            raise MissingColumn(
                f"quantiles: {variants[beside.index(None)]!r} has none; give each variant's "
                "`QuantileArm` by metric"
            )
        results = answer(
            self, variants, [summaries[name] for name in variants], [each or {} for each in beside]
        )
        return Report(self.control, variants, self.confidence, results)

    def segments(
        self, cells: Mapping[str, Mapping[str, Summary]], *, prior: SegmentPrior | None = None
    ) -> tuple[SegmentFamily, ...]:
        """Lifts by segment, each drawn towards the whole; one family per metric and treatment.

        Quantiles are left out: those of a segment do not follow from sums.

        Args:
            cells: by segment, the summary of each variant.
            prior: how much segments may differ, on the scale of ln(1 + lift).

        Raises:
            UnknownVariant: a segment lacks a variant that others have.
            MissingColumn, BadSummary: as in `report`.
        """
        return segment_families(self, cells, prior or SegmentPrior())

    @property
    def _groups(self) -> tuple[tuple[Role, Metrics], ...]:
        return (("primary", self.primary), ("secondary", self.secondary))


def compare(
    metric: Metric, control: Summary, treatment: Summary, *, confidence: float = 0.95
) -> Result:
    """One metric, two groups.

    Raises:
        StatisticsError: see `Analysis.report`.

    >>> from fairlift_stats import Mean
    >>> a = Summary.from_rows({"revenue": [0, 0, 20, 30]})
    >>> b = Summary.from_rows({"revenue": [0, 25, 40, 30]})
    >>> compare(Mean("revenue_per_visitor", "revenue"), a, b).difference.value
    11.25
    """
    analysis = Analysis(primary=(metric,), confidence=confidence)
    return analysis.report({"control": control, "treatment": treatment}).results[0]

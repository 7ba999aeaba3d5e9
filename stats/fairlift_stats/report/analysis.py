"""Turns summaries into a report that answers a question."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fairlift_stats.bayes.segment_shrinkage import SegmentPrior
from fairlift_stats.data.metrics import Metric
from fairlift_stats.data.moments import require, stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import CannotSay, Role
from fairlift_stats.errors import MissingColumn, UnknownVariant
from fairlift_stats.methods.multiplicity import benjamini_hochberg, holm_families
from fairlift_stats.methods.quantiles import Quantiles
from fairlift_stats.report.answers import Answers
from fairlift_stats.report.question import Planned, Question
from fairlift_stats.report.results import Result
from fairlift_stats.report.rows import Row, rows_of
from fairlift_stats.report.segment_report import SegmentFamily, segment_families

__all__ = ["Analysis", "Report", "compare"]


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
class Analysis(Question):
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
        results = _results(
            self, variants, [summaries[name] for name in variants], [each or {} for each in beside]
        )
        return Report(self.control, variants, self.confidence, results)

    def only(self, names: Collection[str]) -> "Analysis":
        """The same analysis of some of its metrics."""
        return replace(
            self,
            primary=tuple(p.metric for p in self._in_role("primary", names)),
            secondary=tuple(p.metric for p in self._in_role("secondary", names)),
            guardrails=tuple(g for g in self.guardrails if g.metric.name in names),
        )

    def _in_role(self, role: Role, names: Collection[str]) -> list[Planned]:
        return [p for p in self.metrics if p.role == role and p.metric.name in names]

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


def _results(
    question: Question,
    variants: tuple[str, ...],
    summaries: Sequence[Summary],
    quantiles: Sequence[Quantiles],
) -> tuple[Result, ...]:
    """Answers for all metrics and treatments; the first variant is the control."""
    moments = stack(summaries, question.columns)
    require(moments, question.products)
    rows = rows_of(question.metrics, question.layout, moments, quantiles, question.alpha)
    treatments = range(1, len(variants))
    whys = [[row.cannot_compare(i) for i in treatments] for row in rows]
    return tuple(
        Result(answers, i)
        for row, why, adjusted in zip(rows, whys, adjusted_p_values(rows, whys), strict=True)
        for answers in (Answers(row, variants, why, adjusted, moments, question),)
        for i in treatments
    )


def adjusted_p_values(
    rows: list[Row], whys: list[list[CannotSay | None]]
) -> list[list[float | None]]:
    """Holm over primary metrics, BH over secondary ones; guardrails are judged one by one."""
    found: list[list[float | None]] = [
        [None if why else p for p, why in zip(row.joint_p, said, strict=True)]
        for row, said in zip(rows, whys, strict=True)
    ]
    primary, secondary = (
        [found[i] for i, row in enumerate(rows) if row.planned.role == role and not all(whys[i])]
        for role in ("primary", "secondary")
    )
    holm = holm_families([[1.0 if p is None else p for p in arms] for arms in primary])
    for arms, family in zip(primary, holm, strict=True):
        arms[:] = [None if p is None else q for p, q in zip(arms, family, strict=True)]
    asked = iter(benjamini_hochberg([p for arms in secondary for p in arms if p is not None]))
    for arms in secondary:
        arms[:] = [None if p is None else next(asked) for p in arms]
    return found

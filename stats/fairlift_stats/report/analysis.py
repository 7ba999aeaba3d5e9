"""From summaries to a report: one result per metric and treatment."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from fairlift_stats.report.question import MetricInRole, Question
from fairlift_stats.report.result import Result
from fairlift_stats.report.result_rows import ResultRow, result_rows
from fairlift_stats.report.segment_report import SegmentFamily, segment_families

__all__ = ["Analysis", "Report", "compare"]


@dataclass(frozen=True)
class Report:
    """Results of every metric and treatment, in the order of the analysis."""

    control: str
    variants: tuple[str, ...]
    confidence: float
    results: tuple[Result, ...]

    def __getitem__(self, key: tuple[str, str]) -> Result:
        """The result of one metric and treatment: `report["conversion_rate", "banner"]`.

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
    """Compares metrics between variants: `report` turns summaries into results.

    Attributes:
        primary, secondary, guardrails: the metrics by role.
        control: name of the control variant.
        confidence: of all intervals.
        prior: on the lift; None is flat.
        rope: the lift that counts as no lift, 0.01 being ±1 %.

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
        self,
        summaries: Mapping[str, Summary],
        quantiles: Mapping[str, Quantiles] | None = None,
        *,
        largest_k: Mapping[tuple[str, str], float] | None = None,
    ) -> Report:
        """Results of every metric for every variant but the control.

        Args:
            summaries: by variant.
            quantiles: by variant and metric, for `Quantile` metrics, which sums cannot give.
            largest_k: by metric and variant, the largest critical value of the page that the
                report is part of, where that is larger than its own: see `methods.contrast`.

        Raises:
            UnknownVariant: the control is missing, or there is no treatment.
            MissingColumn: a summary lacks a column or product that a metric needs, or a variant
                lacks quantiles.
            BadSummary: a rate counts more successes than units.
        """
        if self.control not in summaries or len(summaries) < 2:
            raise UnknownVariant(
                f"variants {[*summaries]}: need {self.control!r} as the control and another one"
            )
        treatments = tuple(name for name in summaries if name != self.control)
        variants = (self.control, *treatments)
        by_variant: Mapping[str, Quantiles] = quantiles or {}
        missing = [name for name in variants if name not in by_variant]
        if self.layout.quantiles and missing:
            raise MissingColumn(
                f"quantiles: {missing[0]!r} has none; give each variant's `QuantileArm` by metric"
            )
        results = _results(
            self,
            variants,
            [summaries[name] for name in variants],
            [by_variant.get(name, {}) for name in variants],
            largest_k or {},
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

    def _in_role(self, role: Role, names: Collection[str]) -> list[MetricInRole]:
        return [p for p in self.metrics if p.role == role and p.metric.name in names]

    def segments(
        self, cells: Mapping[str, Mapping[str, Summary]], *, prior: SegmentPrior | None = None
    ) -> tuple[SegmentFamily, ...]:
        """Lifts by segment, adjusted towards the overall result; a family per metric and treatment.

        Quantiles are left out: those of a segment cannot be computed from sums.

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
    largest_k: Mapping[tuple[str, str], float],
) -> tuple[Result, ...]:
    """Results of all metrics and treatments; the first variant is the control."""
    moments = stack(summaries, question.columns)
    require(moments, question.products)
    rows = result_rows(question.metrics, question.layout, moments, quantiles, question.alpha)
    treatments = range(1, len(variants))
    reasons = [[row.cannot_compare(i) for i in treatments] for row in rows]
    adjusted_p = adjusted_p_values(rows, reasons)
    return tuple(
        Result(answers, i)
        for row, reason, adjusted in zip(rows, reasons, adjusted_p, strict=True)
        for answers in (
            Answers(
                row,
                variants,
                reason,
                adjusted,
                moments,
                question,
                _on_the_page(row, variants, largest_k),
            ),
        )
        for i in treatments
    )


def _on_the_page(
    row: ResultRow, variants: tuple[str, ...], largest_k: Mapping[tuple[str, str], float]
) -> tuple[float, ...]:
    """The largest critical value of the page per treatment; 0 where it is the table's own."""
    return tuple(largest_k.get((row.metric.name, arm), 0.0) for arm in variants[1:])


def adjusted_p_values(
    rows: list[ResultRow], reasons: list[list[CannotSay | None]]
) -> list[list[float | None]]:
    """(metrics, treatments) p-values, adjusted by role; None where there is no comparison.

    Holm over primary metrics, Benjamini–Hochberg over secondary ones; guardrails are tested one by
    one.
    """
    adjusted: list[list[float | None]] = [
        [None if reason else p for p, reason in zip(row.joint_p, of_row, strict=True)]
        for row, of_row in zip(rows, reasons, strict=True)
    ]
    primary, secondary = (
        [arms for arms, row in zip(adjusted, rows, strict=True) if row.planned.role == role]
        for role in ("primary", "secondary")
    )
    # A treatment that cannot be compared is no hypothesis: it must not make others pay.
    families = [[p for p in arms if p is not None] for arms in primary]
    holm = [p for family in holm_families([f for f in families if f]) for p in family]
    _replace(primary, holm)
    _replace(
        secondary, benjamini_hochberg([p for arms in secondary for p in arms if p is not None])
    )
    return adjusted


def _replace(family: list[list[float | None]], adjusted: Iterable[float]) -> None:
    """Put the adjusted p-values where the others stand, in their order."""
    values = iter(adjusted)
    for arms in family:
        arms[:] = [None if p is None else next(values) for p in arms]

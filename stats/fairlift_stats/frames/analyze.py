"""analyze(frame): one row per unit goes in, a report comes out."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from fairlift_stats.bayes.shrinkage import LiftPrior
from fairlift_stats.data.metrics import Quantile
from fairlift_stats.data.summary import Summary
from fairlift_stats.errors import BadQuestion, TooFewUnits
from fairlift_stats.frames.checks import (
    NO_SEGMENT,
    check_labels,
    check_names,
    check_numbers,
    check_shares,
    check_units,
    check_values,
    check_variants,
)
from fairlift_stats.frames.frame_report import FrameReport
from fairlift_stats.frames.opening import open_frame
from fairlift_stats.frames.request import (
    Covariates,
    FrameColumns,
    FrameMetric,
    frame_columns,
    listed_metrics,
    with_covariates,
)
from fairlift_stats.frames.summarize import by_variant
from fairlift_stats.frames.table import Cells, Column, FrameTable, Label, NeededSums
from fairlift_stats.locale import LANGUAGES
from fairlift_stats.methods.quantiles import QuantileArm
from fairlift_stats.methods.sample_ratio import sample_ratio
from fairlift_stats.report.analysis import Analysis
from fairlift_stats.report.question import Guardrail
from fairlift_stats.report.segment_report import SegmentFamily

__all__ = ["analyze"]


def analyze(
    frame: object,
    *,
    metrics: FrameMetric | Sequence[FrameMetric],
    variant: str = "variant",
    control: object = "control",
    secondary: FrameMetric | Sequence[FrameMetric] = (),
    covariates: Covariates | None = None,
    segments: str | Sequence[str] = (),
    unit: str | None = None,
    weights: Mapping[object, float] | None = None,
    confidence: float = 0.95,
    prior: LiftPrior | None = None,
    language: str = "en",
) -> FrameReport:
    """The report of an experiment, from a frame with one row per unit.

    Frames in memory are read without a copy of the frame; polars' lazy frames, DuckDB relations and
    Ibis tables are added up where their data are.

    Args:
        frame: of pandas, polars or pyarrow, a DuckDB relation, or an Ibis table.
        metrics: the primary metric or metrics, corrected by Holm; a `Guardrail` has its own test.
        variant: the column of the variants.
        control: the control's value in it.
        secondary: further metrics, corrected by Benjamini and Hochberg.
        covariates: by column of a metric, or by its name, one or more columns of the time before
            the exposure (CUPED). A unit without a value gets 0, and an indicator beside it.
        segments: columns to split by.
        unit: the column of the units' ids; with it, units with several rows are refused.
        weights: the planned split by variant, for the check of the sample ratio; equal if absent.
        confidence: of all intervals.
        prior: on the lift; None is flat.
        language: of the report's text and HTML: en, es or ro. A second opinion is in English.

    Raises:
        BadFrame: missing values, text where numbers should be, repeated units, no rows.
        MissingColumn, UnknownVariant: a column, the control or a treatment is not there.
        BadQuestion: a language that has no catalogue; also see `Analysis`.

    >>> import pandas as pd
    >>> from fairlift_stats import Rate
    >>> bought = [0, 0, 1, 0, 1] * 34
    >>> visitors = pd.DataFrame({"variant": ["a"] * 90 + ["b"] * 80, "bought": bought})
    >>> report = analyze(visitors, control="a", metrics=[Rate("conversion_rate", "bought")])
    >>> report["conversion_rate", "b"].control.estimate
    0.4
    """
    if language not in LANGUAGES:
        raise BadQuestion(f"language: is {language!r}, must be one of {', '.join(LANGUAGES)}")
    table = open_frame(frame)
    split_by = (segments,) if isinstance(segments, str) else tuple(segments)
    covariates_of = covariates or {}
    primary, others = listed_metrics("metrics", metrics), listed_metrics("secondary", secondary)
    needed = frame_columns([*primary, *others], covariates_of)
    check_names(table, (variant, *([unit] if unit else []), *split_by, *needed.all))
    check_numbers(table, needed.all)
    variants = _variants(table, variant, control)
    for column in split_by:
        check_labels(table, column, is_segment=True)
    missing = _checked(table, needed)
    if unit is not None:
        check_units(table, unit, variant)
    analysis = _analysis(
        [with_covariates(metric, covariates_of, missing) for metric in primary],
        [with_covariates(metric, covariates_of, missing) for metric in others],
        next(iter(variants.values())),
        confidence,
        prior,
    )
    sums = NeededSums(needed.summed(missing), analysis.products, analysis.thirds)
    summaries = by_variant(table.cells(sums, (variant,)), variants)
    quantiles = _quantiles(table, analysis, variant, variants)
    planned = {str(name): weight for name, weight in (weights or {}).items()}
    return FrameReport(
        analysis=analysis,
        report=analysis.report(summaries, quantiles),
        summaries=summaries,
        sample_ratio=sample_ratio(
            {name: summary.n for name, summary in summaries.items()},
            planned or dict.fromkeys(summaries, 1.0),
        ),
        has_weights=bool(planned),
        segments={
            column: _segments(analysis, table.cells(sums, (variant, column)), variants, sums)
            for column in split_by
        },
        filled=missing,
        table=table,
        columns=sums.columns,
        variant_column=variant,
        language=language,
    )


def _variants(table: FrameTable, column: str, control: object) -> dict[Label, str]:
    """The variants' names by label, the control first, the others in order."""
    names = {label: str(label) for label in check_labels(table, column)}
    check_variants(column, sorted(names.values()), str(control))
    first = [label for label, name in names.items() if name == str(control)]
    others = sorted((label for label in names if label not in first), key=str)
    return {label: names[label] for label in (*first, *others)}


def _checked(table: FrameTable, needed: FrameColumns) -> dict[str, int]:
    """The covariates with missing values, once all values are checked."""
    facts = table.facts(needed.all)
    check_values(facts, needed.covariates)
    check_shares(facts, needed.shares)
    return {name: facts[name].missing for name in needed.covariates if facts[name].missing}


def _analysis(
    metrics: Sequence[FrameMetric],
    secondary: Sequence[FrameMetric],
    control: str,
    confidence: float,
    prior: LiftPrior | None,
) -> Analysis:
    return Analysis(
        primary=tuple(metric for metric in metrics if not isinstance(metric, Guardrail)),
        secondary=tuple(metric for metric in secondary if not isinstance(metric, Guardrail)),
        guardrails=tuple(m for m in (*metrics, *secondary) if isinstance(m, Guardrail)),
        control=control,
        confidence=confidence,
        prior=prior,
    )


def _segments(
    analysis: Analysis,
    cells: Cells,
    variants: Mapping[Label, str],
    sums: NeededSums,
) -> tuple[SegmentFamily, ...]:
    """Families of lifts; a variant without units in a segment has an empty summary there."""
    empty = Summary.from_rows({column.name: [] for column in sums.columns}, thirds=sums.thirds)
    labels = sorted(dict.fromkeys(segment for _, segment in cells), key=_by_text)
    by_segment = {
        NO_SEGMENT if label is None else str(label): {
            name: cells.get((variant, label), empty) for variant, name in variants.items()
        }
        for label in labels
    }
    return analysis.segments(by_segment)


def _by_text(label: Label) -> tuple[bool, str]:
    return label is None, str(label)


def _quantiles(
    table: FrameTable, analysis: Analysis, variant: str, variants: Mapping[Label, str]
) -> dict[str, dict[str, QuantileArm]] | None:
    """By variant and metric; the values of these columns are fetched."""
    metrics = [p.metric for p in analysis.metrics if isinstance(p.metric, Quantile)]
    if not metrics:
        return None
    columns = {
        str(metric.column): Column(str(metric.column), str(metric.column)) for metric in metrics
    }
    rows = table.rows(tuple(columns.values()), variant)
    quantiles: dict[str, dict[str, QuantileArm]] = {name: {} for name in variants.values()}
    for label, name in variants.items():
        for metric in metrics:
            # Too few values are said in the metric's own row: the others have theirs.
            with suppress(TooFewUnits):
                values = rows[label][str(metric.column)]
                quantiles[name][metric.name] = QuantileArm.of(values, metric.at)
    return quantiles

"""A report as rows: one for each figure of each metric, variant and segment."""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Direction, Quantity
from fairlift.wire.campaign import campaign_id
from fairlift.wire.variant_counts import variant_counts
from fairlift_report.spreadsheets import SheetRow

from fairlift_cli.tables.figure_cells import enum_word, figure_cells
from fairlift_cli.tables.verdict_rows import verdict_rows, worth_rows

# As in the tables of `fairlift-server export --what results`; the last columns are the figure.
COLUMNS: Final = (
    *("campaign", "campaign_name", "epoch", "look_of", "currency"),
    *("metric", "metric_name", "role", "quantity", "better"),
    *("attribute", "segment", "variant", "variant_name", "control", "units"),
    *("figure", "value", "lower", "upper", "confidence", "note"),
)
_OF_ARMS: Final = (
    *("provisional_estimate", "probability_best", "expected_loss", "expected_loss_relative"),
)
_OF_SEGMENTS: Final = ("p_value", "adjusted_p_value")


def figure_rows(report: pb.Report) -> list[SheetRow]:
    """The rows of a report: the verdict, what each treatment is worth, counts, metrics, segments.

    Shares and lifts are fractions: 0.04 is 4 %. Money is in the currency's own unit, times are
    ISO 8601 in UTC. Where a figure cannot be given, `value` is None and `note` says why.
    """
    ground: SheetRow = {
        **dict.fromkeys(COLUMNS),
        "campaign": campaign_id(report.campaign),
        "campaign_name": report.display_name or None,
        "epoch": report.epoch,
        "look_of": _look_of(report),
        "currency": report.currency_code or None,
    }
    arms: dict[str, SheetRow] = {
        total.variant: {
            "variant": total.variant,
            "variant_name": total.display_name or None,
            "control": total.control,
            "units": total.units,
        }
        for total in report.totals
    }
    metrics = {metric.metric: _metric(metric) for metric in report.metrics}
    rows = [
        *verdict_rows(report.verdict, metrics, arms),
        *worth_rows(report.worths, metrics, arms),
        *_count_rows(report, arms),
        *(row for metric in report.metrics for row in _metric_rows(metric, arms)),
        *(row for cut in report.segments for row in _segment_rows(cut, report, arms)),
    ]
    return [{**ground, **row} for row in rows]


def _count_rows(report: pb.Report, arms: Mapping[str, SheetRow]) -> Iterator[SheetRow]:
    for total in report.totals:
        for figure, value in variant_counts(total).items():
            yield {**arms[total.variant], "figure": figure, "value": value}


def _metric_rows(metric: pb.MetricResult, arms: Mapping[str, SheetRow]) -> Iterator[SheetRow]:
    named = _metric(metric)
    if metric.error:
        yield {**named, "figure": "estimate", "note": metric.error}
    compared = {comparison.variant: comparison for comparison in metric.comparisons}
    for arm in metric.arms:
        ground = {**named, **_arm(arms, arm.variant), "units": arm.units}
        figures = [
            figure_cells("estimate", arm, arm.interval),
            *(figure_cells(name, arm) for name in _OF_ARMS),
            *_comparison(compared.get(arm.variant)),
        ]
        yield from ({**ground, **figure} for figure in figures if len(figure) > 1)


def _comparison(against: pb.MetricResult.Comparison | None) -> Iterator[SheetRow]:
    if against is None:
        return
    if against.cannot_say:
        yield {"figure": "lift", "note": against.cannot_say}
    yield figure_cells("difference", against, against.difference_interval)
    yield figure_cells("lift", against, against.lift_interval)
    for name in ("sequential_lift", "sequential_difference"):
        field = f"{name}_interval"
        if against.HasField(field):  # type: ignore[arg-type]  # one of two fields of the message
            point = figure_cells(name.removeprefix("sequential_"), against, getattr(against, field))
            yield {**point, "figure": name}
    yield figure_cells("p_value", against)
    yield figure_cells("adjusted_p_value", against)
    yield figure_cells("probability_better", against.posterior)
    if against.guardrail:
        standing = pb.GuardrailStanding.Name(against.guardrail)
        yield {"figure": "guardrail", "note": enum_word(standing, "GUARDRAIL_STANDING_")}


def _segment_rows(
    cut: pb.SegmentResult, report: pb.Report, arms: Mapping[str, SheetRow]
) -> Iterator[SheetRow]:
    metrics = (metric for metric in report.metrics if metric.metric == cut.metric)
    named = _metric(next(metrics, pb.MetricResult(metric=cut.metric)))
    ground: SheetRow = {**named, "attribute": cut.attribute}
    for segment in cut.segments:
        one = {
            **ground,
            **_arm(arms, segment.variant),
            "segment": segment.value,
            "units": segment.units,
        }
        figures = [
            figure_cells("raw_lift", segment, segment.raw_lift_interval),
            figure_cells("lift", segment, segment.lift_interval),
            *(figure_cells(name, segment) for name in _OF_SEGMENTS),
        ]
        if segment.sentence:
            figures.append({"figure": "sentence", "note": segment.sentence})
        yield from ({**one, **figure} for figure in figures if len(figure) > 1)
    if cut.HasField("heterogeneity_p_value"):
        yield {**ground, **figure_cells("heterogeneity_p_value", cut)}


def _metric(metric: pb.MetricResult) -> SheetRow:
    return {
        "metric": metric.metric,
        "metric_name": metric.display_name or None,
        "role": enum_word(pb.MetricRole.Name(metric.role), "METRIC_ROLE_"),
        "quantity": enum_word(Quantity.Name(metric.quantity), "QUANTITY_"),
        "better": enum_word(Direction.Name(metric.direction), "DIRECTION_"),
    }


def _arm(arms: Mapping[str, SheetRow], variant: str) -> SheetRow:
    return arms.get(variant) or {"variant": variant}


def _look_of(report: pb.Report) -> str | None:
    if not report.HasField("look"):
        return None
    return report.look.as_of_time.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

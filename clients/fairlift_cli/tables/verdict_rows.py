"""The verdict and the worth of a report as rows of a table."""

from collections.abc import Iterable, Iterator, Mapping

from fairlift.v1 import results_service_pb2 as pb
from fairlift_report.spreadsheets import SheetRow

from fairlift_cli.report.report_context import ADJUSTMENT_REASONS
from fairlift_cli.tables.figure_cells import enum_word, figure_cells


def verdict_rows(
    verdict: pb.Verdict, metrics: Mapping[str, SheetRow], arms: Mapping[str, SheetRow]
) -> Iterator[SheetRow]:
    """What to do, why, and the lift that the verdict tells: corrected or shrunk where it has to be.

    Args:
        verdict: of a report; without a kind it has no row.
        metrics: cells that name a metric, by its id.
        arms: cells that name a variant, by its id.
    """
    kind = enum_word(pb.VerdictKind.Name(verdict.kind), "VERDICT_KIND_")
    if kind is None:
        return
    ground = {
        **_named(metrics, "metric", verdict.metric),
        **_named(arms, "variant", verdict.variant),
    }
    texts = {
        "verdict": kind,
        "verdict_cause": enum_word(pb.VerdictCause.Name(verdict.cause), "VERDICT_CAUSE_"),
        "verdict_sentence": verdict.sentence or None,
        "action": verdict.action or None,
    }
    yield from ({**ground, "figure": name, "note": text} for name, text in texts.items() if text)
    lifts = [
        figure_cells("lift", verdict, verdict.lift_interval),
        figure_cells("raw_lift", verdict),
    ]
    adjustments = (each.sentence for each in verdict.reasons if each.code in ADJUSTMENT_REASONS)
    notes = (next(adjustments, None), None)
    for cells, note in zip(lifts, notes, strict=True):
        if "value" in cells:
            yield {**ground, **cells, "figure": f"verdict_{cells['figure']}", "note": note}
    if verdict.HasField("evidence"):
        yield {**ground, **figure_cells("evidence", verdict)}


def worth_rows(
    worths: Iterable[pb.Worth], metrics: Mapping[str, SheetRow], arms: Mapping[str, SheetRow]
) -> Iterator[SheetRow]:
    """Money a week of each treatment, in the currency's own unit; the note is its sentence."""
    for worth in worths:
        ground = {
            **_named(metrics, "metric", worth.metric),
            **_named(arms, "variant", worth.variant),
        }
        cells = figure_cells("weekly", worth, worth.weekly_interval)
        yield {**ground, **cells, "figure": "weekly_worth", "note": worth.sentence or None}


def _named(known: Mapping[str, SheetRow], column: str, name: str) -> SheetRow:
    """The cells that name a metric or a variant; none where the message names none."""
    cells = known.get(name) or ({column: name} if name else {})
    # Not those in the totals, which may be ahead of the look that the figure is of.
    return {column: cell for column, cell in cells.items() if column != "units"}

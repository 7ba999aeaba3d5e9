"""Compares the reports of the demo with the true effects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairlift.v1.results_service_pb2 import MetricResult, Report
from fairlift.v1.value_pb2 import Interval
from fairlift_cli.figures import NO_VALUE, Figures
from fairlift_cli.screen import Screen, plain_table

from examples.demo.truth import TRUTH
from examples.demo.words import say

_YES_NO = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one variant: the true lift, the measured one, and its interval."""

    campaign: str
    variant: str
    metric: str
    true_lift: float
    measured_lift: float | None
    interval: Interval | None

    @property
    def covers_truth(self) -> bool:
        """Whether the interval contains the true lift."""
        if self.interval is None:
            return False
        return not (
            (self.interval.HasField("lower") and self.true_lift < self.interval.lower)
            or (self.interval.HasField("upper") and self.true_lift > self.interval.upper)
        )


def compare(reports: Mapping[str, Report]) -> list[Row]:
    """The true and the measured lifts of all campaigns."""
    return list(_rows(reports))


def _rows(reports: Mapping[str, Report]) -> Iterator[Row]:
    for campaign, variants in TRUTH.items():
        for variant, effect in variants.items():
            for metric, true_lift in effect.lifts.items():
                comparison = _comparison(reports[campaign], metric, variant)
                yield Row(
                    campaign,
                    variant,
                    metric,
                    true_lift,
                    comparison.lift
                    if comparison is not None and comparison.HasField("lift")
                    else None,
                    _interval(comparison) if comparison is not None else None,
                )


def _interval(comparison: MetricResult.Comparison) -> Interval | None:
    """The one that holds at every look, or else that of one look."""
    if comparison.HasField("sequential_lift_interval"):
        return comparison.sequential_lift_interval
    return comparison.lift_interval if comparison.HasField("lift_interval") else None


def _comparison(report: Report, metric: str, variant: str) -> MetricResult.Comparison | None:
    return next(
        (
            comparison
            for result in report.metrics
            if result.metric == metric
            for comparison in result.comparisons
            if comparison.variant == variant
        ),
        None,
    )


def show(screen: Screen, rows: Sequence[Row], figures: Figures) -> None:
    """Prints the true lifts, which only the simulator knows, beside the measured ones."""
    language = figures.language
    screen.line(say("truth", language), style="bold")
    headings = (say(key, language) for key in ("true_lift", "measured", "interval", "contains"))
    table = plain_table(("", "left"), *((heading, "right") for heading in headings))
    last_name = ""
    for row in rows:
        name = f"{row.campaign}, {row.variant}"
        if name != last_name:
            table.add_row(name, style="bold")
        last_name = name
        measured = NO_VALUE if row.measured_lift is None else figures.lift(row.measured_lift)
        interval = NO_VALUE if row.interval is None else figures.interval(row.interval)
        answer = NO_VALUE if row.interval is None else say(_YES_NO[row.covers_truth], language)
        cells = (figures.lift(row.true_lift), measured, interval, answer)
        table.add_row(f"  {figures.metric_name(row.metric)}", *map(screen.safe, cells))
    screen.table(table)
    hits = sum(row.covers_truth for row in rows)
    screen.line(say("hits", language, hits=hits, rows=len(rows)))

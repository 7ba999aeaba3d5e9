"""Compares the reports of the demo with the true effects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairlift.v1.results_service_pb2 import MetricResult, Report
from fairlift.v1.value_pb2 import Interval
from fairlift_cli.report.report_context import shown_interval
from fairlift_cli.screen import Screen, plain_table

from examples.demo.truth import TRUTH

_NAMES = {
    "conversion_rate": "conversion rate",
    "average_ticket": "average ticket",
    "revenue_per_visitor": "revenue per visitor",
}


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
                    _NAMES[metric],
                    true_lift,
                    comparison.lift
                    if comparison is not None and comparison.HasField("lift")
                    else None,
                    shown_interval(comparison) if comparison is not None else None,
                )


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


def show(screen: Screen, rows: Sequence[Row]) -> None:
    """Prints the true lifts, which only the simulator knows, beside the measured ones."""
    screen.line(
        "The true lifts, known only to the simulator, compared with the reports", style="bold"
    )
    table = plain_table(
        ("", "left"), ("True lift", "right"), ("Found", "right"), ("Interval", "right"),
        ("Contains it", "right"),
    )  # fmt: skip
    last_name = ""
    for row in rows:
        name = f"{row.campaign}, {row.variant}"
        if name != last_name:
            table.add_row(name, style="bold")
        last_name = name
        measured = "-" if row.measured_lift is None else f"{row.measured_lift:+.1%}"
        covers_truth = "-" if row.interval is None else "yes" if row.covers_truth else "no"
        table.add_row(
            f"  {row.metric}",
            f"{row.true_lift:+.1%}",
            measured,
            _interval_text(row.interval),
            covers_truth,
        )
    screen.table(table)
    hits = sum(row.covers_truth for row in rows)
    screen.line(
        f"{hits} of {len(rows)} intervals contain the true lift; each does so 95 times in 100. "
        "Every server draws new salts, so the next run assigns visitors a little differently."
    )


def _interval_text(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    lower = f"{interval.lower:+.1%}" if interval.HasField("lower") else "-inf"
    upper = f"{interval.upper:+.1%}" if interval.HasField("upper") else "+inf"
    return f"{lower} to {upper}"

"""What was found beside what is true."""

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
    """One metric of one variant: the true lift, and what the events said of it."""

    campaign: str
    variant: str
    metric: str
    true: float
    found: float | None
    interval: Interval | None

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        if self.interval is None:
            return False
        return not (
            (self.interval.HasField("lower") and self.true < self.interval.lower)
            or (self.interval.HasField("upper") and self.true > self.interval.upper)
        )


def compare(reports: Mapping[str, Report]) -> list[Row]:
    """The true lifts of all campaigns beside those of the reports."""
    return list(_rows(reports))


def _rows(reports: Mapping[str, Report]) -> Iterator[Row]:
    for campaign, variants in TRUTH.items():
        for variant, effect in variants.items():
            for metric, true in effect.lifts.items():
                found = _comparison(reports[campaign], metric, variant)
                yield Row(
                    campaign,
                    variant,
                    _NAMES[metric],
                    true,
                    found.lift if found is not None and found.HasField("lift") else None,
                    shown_interval(found) if found is not None else None,
                )


def _comparison(report: Report, metric: str, variant: str) -> MetricResult.Comparison | None:
    return next(
        (
            each
            for result in report.metrics
            if result.metric == metric
            for each in result.comparisons
            if each.variant == variant
        ),
        None,
    )


def show(screen: Screen, rows: Sequence[Row]) -> None:
    """Prints the truth, which only the simulator knows, beside what was found."""
    screen.line("The truth, which only the simulator knows, beside what was found", style="bold")
    table = plain_table(
        ("", "left"), ("True lift", "right"), ("Found", "right"), ("Interval", "right"),
        ("Holds it", "right"),
    )  # fmt: skip
    last = ""
    for row in rows:
        name = f"{row.campaign}, {row.variant}"
        if name != last:
            table.add_row(name, style="bold")
        last = name
        found = "-" if row.found is None else f"{row.found:+.1%}"
        holds = "yes" if row.holds else "no"
        table.add_row(f"  {row.metric}", f"{row.true:+.1%}", found, _written(row.interval), holds)
    screen.table(table)
    held = sum(row.holds for row in rows)
    screen.line(
        f"{held} of {len(rows)} intervals hold the truth; each does so 95 times in 100. Salts are "
        "drawn anew for every server, so the next run assigns, and finds, a little differently."
    )


def _written(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    lower = f"{interval.lower:+.1%}" if interval.HasField("lower") else "-inf"
    upper = f"{interval.upper:+.1%}" if interval.HasField("upper") else "+inf"
    return f"{lower} to {upper}"

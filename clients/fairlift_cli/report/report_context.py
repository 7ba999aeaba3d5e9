"""What all parts of the report's view share: the report, its formatting, the screen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlift.engine.metric import HEADLINE_METRICS
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_stats.messages import Figure, unique_names

from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen

# Codes of reasons why the verdict's figure differs from the figure of all data.
_ADJUSTMENTS = {"corrected", "corrected_then", "first_look", "shrunk"}


@dataclass(frozen=True, slots=True)
class ReportContext:
    """A report, and what formats and prints it."""

    report: pb.Report
    figures: Figures
    screen: Screen
    names: Mapping[str, str]

    def name(self, variant: str) -> str:
        """The variant's display name, or its id."""
        return self.names.get(variant) or self.screen.safe(variant)

    @property
    def control(self) -> str:
        """The id of the control; empty when there is none."""
        return next((totals.variant for totals in self.report.totals if totals.control), "")

    def say(self, key: str, /, *, by: str | None = None, **places: Figure | str) -> str:
        """A sentence in the reader's language."""
        return self.figures.say(key, by=by, **places)

    @property
    def adjustment_reason(self) -> str:
        """Why the verdict's figure differs from that of all data; empty when it does not."""
        reasons = self.report.verdict.reasons
        return next((reason.sentence for reason in reasons if reason.code in _ADJUSTMENTS), "")

    def reasons(self) -> Iterator[str]:
        """The other reasons, without the one that the meter shows, and what came later."""
        verdict, shown_elsewhere = self.report.verdict, {*_ADJUSTMENTS, "meter"}
        for reason in (*verdict.reasons, *verdict.since):
            if reason.code not in shown_elsewhere:
                yield reason.sentence

    def metrics(self) -> list[pb.MetricResult]:
        """The three headline metrics first, then those of the plan by their role."""

        def order(metric: pb.MetricResult) -> tuple[int, int]:
            if metric.metric in HEADLINE_METRICS:
                return 0, HEADLINE_METRICS.index(metric.metric)
            return 1, metric.role

        return sorted(self.report.metrics, key=order)

    def day_of(self, look: pb.Look) -> str:
        """The day whose end a look is as of."""
        return self.figures.day_ended(look.as_of_time)

    def primary(self) -> Iterator[pb.MetricResult]:
        """The primary metrics."""
        return (metric for metric in self.report.metrics if metric.role == pb.METRIC_ROLE_PRIMARY)


def report_context(report: pb.Report, *, figures: Figures, screen: Screen) -> ReportContext:
    """The context of a report; variants have their display names where they are set."""
    names = unique_names({totals.variant: totals.display_name for totals in report.totals})
    return ReportContext(
        report, figures, screen, {variant: screen.safe(name) for variant, name in names.items()}
    )


def shown_interval(comparison: pb.MetricResult.Comparison) -> Interval | None:
    """The always-valid interval, or else the fixed-sample one."""
    if comparison.HasField("sequential_lift_interval"):
        return comparison.sequential_lift_interval
    return comparison.lift_interval if comparison.HasField("lift_interval") else None


def shown_difference_interval(comparison: pb.MetricResult.Comparison) -> Interval | None:
    """The same of the difference, for a comparison that has no lift."""
    if comparison.HasField("sequential_difference_interval"):
        return comparison.sequential_difference_interval
    has_one = comparison.HasField("difference_interval")
    return comparison.difference_interval if has_one else None

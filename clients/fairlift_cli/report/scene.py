"""What all parts of a report's view share: the report, the language, the screen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Interval
from fairlift_stats.messages import Figure, unique_names

from fairlift_cli.figures import Figures
from fairlift_cli.screen import Screen

# Reasons that tell why the verdict's figure is not that of all data.
_TWO_FIGURES = {"corrected", "corrected_then", "first_look", "shrunk"}
_HEADLINE = ("conversion_rate", "average_ticket", "revenue_per_visitor")


@dataclass(frozen=True, slots=True)
class Scene:
    """A report, and how to say it."""

    report: pb.Report
    figures: Figures
    screen: Screen
    names: Mapping[str, str]

    def name(self, variant: str) -> str:
        """What people call a variant."""
        return self.names.get(variant) or self.screen.safe(variant)

    @property
    def control(self) -> str:
        """The id of the control, or nothing."""
        return next((totals.variant for totals in self.report.totals if totals.control), "")

    def say(self, key: str, /, *, by: str | None = None, **places: Figure | str) -> str:
        """A sentence in the reader's language."""
        return self.figures.say(key, by=by, **places)

    @property
    def two_figures(self) -> str:
        """Why the verdict's figure is not that of all data; empty where it is, or has none."""
        reasons = self.report.verdict.reasons
        return next((each.sentence for each in reasons if each.code in _TWO_FIGURES), "")

    def reasons(self) -> Iterator[str]:
        """The other reasons, less the one that the meter draws."""
        shown_elsewhere = {*_TWO_FIGURES, "meter"}
        reasons = self.report.verdict.reasons
        return (each.sentence for each in reasons if each.code not in shown_elsewhere)

    def metrics(self) -> list[pb.MetricResult]:
        """The three headline metrics first, then those of the plan by their role."""

        def order(metric: pb.MetricResult) -> tuple[int, int]:
            if metric.metric in _HEADLINE:
                return 0, _HEADLINE.index(metric.metric)
            return 1, metric.role

        return sorted(self.report.metrics, key=order)

    def primary(self) -> Iterator[pb.MetricResult]:
        """The metrics that decide."""
        return (each for each in self.report.metrics if each.role == pb.METRIC_ROLE_PRIMARY)


def scene(report: pb.Report, *, figures: Figures, screen: Screen) -> Scene:
    """The scene of a report; variants are called by their names where they have one."""
    names = unique_names({each.variant: each.display_name for each in report.totals})
    return Scene(report, figures, screen, {each: screen.safe(name) for each, name in names.items()})


def shown_interval(comparison: pb.MetricResult.Comparison) -> Interval | None:
    """The interval that holds however often somebody looked, or else the plain one."""
    if comparison.HasField("sequential_lift_interval"):
        return comparison.sequential_lift_interval
    return comparison.lift_interval if comparison.HasField("lift_interval") else None

"""What all parts of a report's view share: the report, its formatting, and what belongs to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairlift.engine.metric import HEADLINE_METRICS
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift_stats.messages import Figure, Names, unique_names

from fairlift_cli.figures import Figures, unit_of

# Codes of reasons why the verdict's figure differs from the figure of all data.
ADJUSTMENT_REASONS = frozenset({"corrected", "corrected_then", "first_look", "shrunk"})
# Codes of reasons that say what a forecast says.
_FORECAST_REASONS = {"chances", "end"}


@dataclass(frozen=True, slots=True)
class ReportContext:
    """A report, what formats it, and what the server says besides.

    Attributes:
        report: of one campaign and epoch.
        figures: in the reader's language.
        names: display names of variants, by id.
        looks: the log, oldest first; empty where it was not read.
        campaign: the file as it is stored; None where it was not read.
    """

    report: pb.Report
    figures: Figures
    names: Mapping[str, str]
    looks: Sequence[pb.Look] = ()
    campaign: Campaign | None = None

    def name(self, variant: str) -> str:
        """The variant's display name, or its id."""
        return self.names.get(variant) or variant

    @property
    def control(self) -> str:
        """The id of the control; empty when there is none."""
        return next((totals.variant for totals in self.report.totals if totals.control), "")

    @property
    def sealed_campaign(self) -> Campaign | None:
        """The campaign whose plan the report was judged by; None where it is not known."""
        campaign = self.campaign
        if campaign is None or campaign.plan.hash != self.report.plan_hash:
            return None
        return campaign

    @property
    def level(self) -> str:
        """The confidence of the displayed intervals; only guardrails may have another."""
        for metric in self.report.metrics:
            if metric.role == pb.METRIC_ROLE_GUARDRAIL:
                continue
            for comparison in metric.comparisons:
                for field in ("sequential_lift_interval", "lift_interval"):
                    if comparison.HasField(field):
                        return self.figures.confidence(getattr(comparison, field).confidence)
        return self.figures.confidence(0.95)

    def say(self, key: str, /, *, by: str | None = None, **places: Figure | str) -> str:
        """A sentence in the reader's language."""
        return self.figures.say(key, by=by, **places)

    @property
    def adjustment_reason(self) -> str:
        """Why the verdict's figure differs from that of all data; empty when it does not."""
        reasons = self.report.verdict.reasons
        return next(
            (reason.sentence for reason in reasons if reason.code in ADJUSTMENT_REASONS), ""
        )

    def reasons(self) -> Iterator[str]:
        """The other reasons, without those that are shown elsewhere, and what came later."""
        verdict, shown_elsewhere = self.report.verdict, {*ADJUSTMENT_REASONS, "meter"}
        if self.forecast is not None:
            shown_elsewhere |= _FORECAST_REASONS
        for reason in (*verdict.reasons, *verdict.since):
            if reason.code not in shown_elsewhere:
                yield reason.sentence

    @property
    def worth(self) -> pb.Worth | None:
        """What the verdict's variant is worth, or else the best one."""
        # It brings SciPy, which lists and the start of web pages need not wait for.
        from fairlift_stats.verdict.weekly_worth import chosen_worth

        return chosen_worth(self.report.worths, self.report.verdict.variant, _weekly)

    @property
    def forecast(self) -> pb.Forecast | None:
        """When a decision is likely; None where the verdict says already why nothing is."""
        forecast = self.report.forecast
        is_news = forecast.no_forecast_reason in (
            pb.NO_FORECAST_REASON_UNSPECIFIED,
            pb.NO_FORECAST_REASON_NO_TRAFFIC,
        )
        return forecast if self.report.HasField("forecast") and is_news else None

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


def _weekly(worth: pb.Worth) -> float | None:
    return worth.weekly if worth.HasField("weekly") else None


def report_context(
    report: pb.Report,
    *,
    language: str,
    looks: Sequence[pb.Look] = (),
    campaign: Campaign | None = None,
) -> ReportContext:
    """The context of a report; variants have their display names where they are set."""
    names = Names(unit=unit_of(report.unit))
    figures = Figures(language, report.currency_code, names, report.time_zone or "UTC")
    variants = unique_names({totals.variant: totals.display_name for totals in report.totals})
    return ReportContext(report, figures, variants, looks, campaign)

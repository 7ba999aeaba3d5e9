"""The `traffic` command: writes `traffic.yaml` from what the campaigns of a server have seen."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from fairlift.engine.campaign import BPS
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.value_pb2 import UNIT_KIND_CUSTOMER
from fairlift.wire.campaign import campaign_id

from fairlift_cli.all_results import all_reports
from fairlift_cli.campaign_commands import all_campaigns
from fairlift_cli.failures import CommandRefused
from fairlift_cli.server_connection import RESULTS_TIMEOUT_S, ServerConnection
from fairlift_cli.text import clean
from fairlift_cli.traffic import is_rate

_WEEK = 7
# Four weeks: long enough to even out a quiet one, short enough to be today's traffic.
_DAYS: Final = 28
_NOTHING = (
    "no campaign of this server has had visitors for a week yet, so its traffic is not known; "
    "write traffic.yaml by hand, see docs/campaigns.md"
)


@dataclass(frozen=True, slots=True)
class SeenTraffic:
    """What one campaign saw; rates and metrics are those of its control.

    Attributes:
        campaign: its id.
        unit: visitors or customers.
        weekly: units in a week that would have entered with all of the traffic.
        figures: by key of traffic.yaml.
        metrics: other metrics, as mean and standard deviation per unit.
    """

    campaign: str
    unit: str
    weekly: float
    figures: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def seen_traffic(server: ServerConnection) -> list[SeenTraffic]:
    """Of every campaign that had visitors for a week, the one with the most of them first.

    Raises:
        CommandRefused: there is none.
    """
    campaigns = {campaign.name: campaign for campaign in all_campaigns(server, archived=False)}
    reports = (
        server.call(
            server.results.GetResults,
            pb.GetResultsRequest(name=summary.campaign),
            timeout_s=RESULTS_TIMEOUT_S,
        )
        for summary in all_reports(server, language="en")
        if summary.campaign in campaigns
    )
    seen = [
        traffic
        for report in reports
        if (traffic := traffic_in(report, campaigns[report.campaign])) is not None
    ]
    if not seen:
        raise CommandRefused(_NOTHING)
    return sorted(seen, key=lambda traffic: -traffic.weekly)


def traffic_in(report: pb.Report, campaign: Campaign) -> SeenTraffic | None:
    """What a campaign saw; None before its first full week.

    Args:
        report: of the campaign.
        campaign: with the share of its audience that entered, as it is now.
    """
    control = next((totals.variant for totals in report.totals if totals.control), None)
    entered: dict[str, int] = {}
    for day in report.days:
        entered[day.date] = entered.get(day.date, 0) + day.entered_units
    # The last day may have begun only just now.
    latest = sorted(entered)[:-1][-_DAYS:]
    if control is None or len(latest) < _WEEK:
        return None
    share = campaign.traffic_bps if campaign.HasField("traffic_bps") else BPS
    slice_bps = campaign.layer.size_bps if campaign.HasField("layer") else BPS
    if not share or not slice_bps:
        return None
    # All who could enter: `check` takes the share of the campaign that it judges.
    all_entered = sum(entered[date] for date in latest) * (BPS / share) * (BPS / slice_bps)
    weekly = all_entered / len(latest) * _WEEK
    known = {
        metric.metric: found
        for metric in report.metrics
        if (found := _of_control(metric, control)) is not None
    }
    known |= {
        name: (mean, math.sqrt(mean * (1 - mean)))
        for name, (mean, _) in known.items()
        if is_rate(name) and 0 < mean < 1
    }
    figures: dict[str, float] = {}
    if rate := known.pop("conversion_rate", None):
        figures["conversion_rate"] = rate[0]
        if ticket := known.pop("average_ticket", None):
            # The deviation of a ratio per unit is that of the ticket, over the root of the rate.
            figures |= {"ticket": ticket[0], "ticket_sd": ticket[1] * math.sqrt(rate[0])}
            # Both follow from the rate and the ticket.
            known.pop("revenue_per_visitor", None)
    unit = "customers" if report.unit == UNIT_KIND_CUSTOMER else "visitors"
    return SeenTraffic(campaign_id(report.campaign), unit, weekly, figures, known)


def _of_control(metric: pb.MetricResult, control: str) -> tuple[float, float] | None:
    """Mean and deviation per unit of the control; the deviation follows from the interval."""
    for arm in metric.arms:
        interval = arm.interval
        if arm.variant != control or not arm.HasField("estimate") or arm.units < 2:
            continue
        if not (interval.HasField("lower") and interval.HasField("upper")):
            continue
        errors = 2 * NormalDist().inv_cdf((1 + (interval.confidence or 0.95)) / 2)
        deviation = (interval.upper - interval.lower) / errors * math.sqrt(arm.units)
        if arm.estimate and deviation > 0 and math.isfinite(deviation):
            return arm.estimate, deviation
    return None


def as_traffic_file(seen: list[SeenTraffic]) -> str:
    """The text of traffic.yaml: the figures of the largest campaign, then those of each."""
    largest = seen[0]
    lines = [
        "# What the shop can count on; `fairlift check` then says which campaigns can conclude.",
        f"# Written by `fairlift traffic`; the shop's own figures are those of {largest.campaign},",
        "# the campaign with the most visitors: correct them where it did not see everybody.",
        *_lines(largest, ""),
        "campaigns:",
    ]
    for traffic in seen:
        lines += [f"  {traffic.campaign}:", *_lines(traffic, "    ")]
    return _cleaned(lines)


def _cleaned(lines: Iterable[str]) -> str:
    """The lines without what a terminal would obey, indented as they are."""
    return "".join(f"{' ' * (len(line) - len(line.lstrip(' ')))}{clean(line)}\n" for line in lines)


def _lines(traffic: SeenTraffic, indent: str) -> Iterator[str]:
    yield f"{indent}{traffic.unit}_per_week: {round(traffic.weekly)}"
    for key, value in traffic.figures.items():
        yield f"{indent}{key}: {value:.4g}"
    if traffic.metrics:
        yield f"{indent}metrics:"
        for name, (mean, sd) in traffic.metrics.items():
            yield f'{indent}  "{name}": {{mean: {mean:.4g}, sd: {sd:.4g}}}'

"""The `looks` command: the log of all looks of a campaign."""

import math
from collections.abc import Iterator
from typing import Final

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from fairlift_stats.messages import Names, Number, Percent, unique_names
from rich.text import Text

from fairlift_cli.figures import NO_VALUE, Figures, unit_of
from fairlift_cli.screen import Screen, figure_table, row_name
from fairlift_cli.server_connection import ServerConnection, full_name

_LINES: Final = ("z", "boundary", "harm_boundary", "futility_boundary")


def all_looks(server: ServerConnection, campaign: str, *, epoch: int = 0) -> Iterator[pb.Look]:
    """The looks of an epoch (0: the current one), oldest first."""
    request = pb.ListLooksRequest(name=full_name(campaign), epoch=epoch)
    for page in server.pages(server.results.ListLooks, request):
        yield from page.looks


def campaign_figures(server: ServerConnection, campaign: str, *, language: str) -> Figures:
    """Figures with the campaign's own names and unit."""
    request = GetCampaignRequest(name=full_name(campaign))
    stored: Campaign = server.call(server.campaigns.GetCampaign, request)
    names = Names(
        variants=unique_names({variant.id: variant.display_name for variant in stored.variants}),
        metrics={
            metric.name: metric.display_name
            for metric in stored.plan.metrics
            if metric.display_name
        },
        unit=unit_of(stored.unit),
    )
    return Figures(language, names=names, time_zone=stored.time_zone or "UTC")


def show_looks(
    screen: Screen, looks: list[pb.Look], figures: Figures, *, details: bool = False
) -> None:
    """Prints each look with its verdict, and below it the comparisons of those that judged.

    Args:
        screen: to print on.
        looks: oldest first.
        figures: of the campaign.
        details: of every look, with z and the lines in force.
    """
    if not looks:
        screen.line(figures.say("looks.none"))
        return
    safe = screen.safe
    level = _level(looks)
    interval = figures.say("report.interval", level=figures.confidence(level))
    headings = [figures.say("report.lift"), interval]
    if details:
        headings += [figures.say(f"looks.{key}") for key in ("z", "boundary", "harm", "give_up")]
    table = figure_table(*map(safe, headings))
    titles = dict[int, Text]()
    for look in looks:
        titles[table.row_count] = Text(safe(_title(figures, look)), style="bold")
        table.add_row("")
        for comparison in look.comparisons if details or look.judges_success else ():
            metric = figures.metric_name(comparison.metric)
            name = f"{metric}, {figures.variant_name(comparison.variant)}"
            cells = [*_effect(figures, comparison, level)]
            if details:
                cells += _lines(figures, comparison)
            table.add_row(row_name(f"  {safe(name)}"), *map(safe, cells))
    screen.table(table, titles)


def _effect(figures: Figures, comparison: pb.Look.LookComparison, level: float) -> tuple[str, str]:
    """The lift, and the interval that holds at every look if it is of the heading's level."""
    lift = figures.lift(comparison.lift) if comparison.HasField("lift") else NO_VALUE
    interval = comparison.lift_interval
    # A guardrail's is one-sided: its level is another.
    is_shown = comparison.HasField("lift_interval") and math.isclose(interval.confidence, level)
    return lift, figures.interval(interval) if is_shown else NO_VALUE


def _lines(figures: Figures, comparison: pb.Look.LookComparison) -> Iterator[str]:
    for name in _LINES:
        has_value = comparison.HasField(name)
        yield figures.number(getattr(comparison, name), 2) if has_value else NO_VALUE


def _level(looks: list[pb.Look]) -> float:
    """The confidence of the primary metrics' intervals."""
    levels = (
        comparison.lift_interval.confidence
        for look in looks
        for comparison in look.comparisons
        if comparison.HasField("lift_interval")
    )
    return max(levels, default=0.95)


def _title(figures: Figures, look: pb.Look) -> str:
    return figures.say(
        "looks.look",
        number=Number(look.number),
        day=figures.day_ended(look.as_of_time),
        share=Percent(look.information, 0),
        verdict=figures.verdict_kind(look.verdict).lower(),
    )

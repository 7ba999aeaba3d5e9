"""The `looks` command: the log of all looks of a campaign."""

from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from fairlift_stats.messages import Names, Number, Percent, unique_names
from rich.text import Text

from fairlift_cli.figures import NO_VALUE, Figures, unit_of
from fairlift_cli.screen import Screen, figure_table, row_name
from fairlift_cli.server_connection import ServerConnection, full_name

_PAGE = 200


def all_looks(server: ServerConnection, campaign: str, *, epoch: int = 0) -> Iterator[pb.Look]:
    """The looks of an epoch (0: the current one), oldest first."""
    request = pb.ListLooksRequest(name=full_name(campaign), page_size=_PAGE, epoch=epoch)
    while True:
        page = server.call(server.results.ListLooks, request)
        yield from page.looks
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


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
    return Figures(language, names=names)


def show_looks(screen: Screen, looks: list[pb.Look], figures: Figures) -> None:
    """Prints each look with its verdict, and below it the state of each comparison."""
    if not looks:
        screen.line(figures.say("looks.none"))
        return
    safe = screen.safe
    table = figure_table(*(safe(figures.say(key)) for key in ("looks.z", "looks.boundary")))
    titles = dict[int, Text]()
    for look in looks:
        titles[table.row_count] = Text(safe(_title(figures, look)), style="bold")
        table.add_row("")
        for comparison in look.comparisons:
            metric = figures.metric_name(comparison.metric)
            name = f"{metric}, {figures.variant_name(comparison.variant)}"
            table.add_row(
                row_name(f"  {safe(name)}"),
                safe(figures.number(comparison.z, 2) if comparison.HasField("z") else NO_VALUE),
                safe(
                    figures.number(comparison.boundary, 2)
                    if comparison.HasField("boundary")
                    else NO_VALUE
                ),
            )
    screen.table(table, titles)


def _title(figures: Figures, look: pb.Look) -> str:
    verdict = pb.VerdictKind.Name(look.verdict).removeprefix("VERDICT_KIND_").lower()
    return figures.say(
        "looks.look",
        number=Number(look.number),
        time=figures.moment(look.look_time),
        share=Percent(look.information, 0),
        verdict=figures.say(f"kind.{verdict}").lower(),
    )

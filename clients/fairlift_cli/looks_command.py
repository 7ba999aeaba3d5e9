"""Every look that was ever shown: the log from which a verdict can be computed again."""

from collections.abc import Iterator

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from fairlift_stats.messages import Names, Number, Percent, unique_names
from rich.text import Text

from fairlift_cli.figures import ABSENT, Figures, unit_of
from fairlift_cli.screen import Screen, figure_table, row_name
from fairlift_cli.server_connection import Server, full_name

_PAGE = 200


def every(server: Server, campaign: str, *, epoch: int = 0) -> Iterator[pb.Look]:
    """The looks of an epoch (0: the current one), oldest first."""
    request = pb.ListLooksRequest(name=full_name(campaign), page_size=_PAGE, epoch=epoch)
    while True:
        page = server.call(server.results.ListLooks, request)
        yield from page.looks
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def figures_of(server: Server, campaign: str, *, language: str) -> Figures:
    """How to speak of a campaign: by its own names, of its own unit."""
    request = GetCampaignRequest(name=full_name(campaign))
    found: Campaign = server.call(server.campaigns.GetCampaign, request)
    names = Names(
        variants=unique_names({each.id: each.display_name for each in found.variants}),
        metrics={m.name: m.display_name for m in found.plan.metrics if m.display_name},
        unit=unit_of(found.unit),
    )
    return Figures(language, names=names)


def show(screen: Screen, looks: list[pb.Look], figures: Figures) -> None:
    """Prints each look with its verdict, and below it where every comparison stood."""
    if not looks:
        screen.line(figures.say("looks.none"))
        return
    safe = screen.safe
    table = figure_table(*(safe(figures.say(key)) for key in ("looks.z", "looks.boundary")))
    titles = dict[int, Text]()
    for look in looks:
        titles[table.row_count] = Text(safe(_title(figures, look)), style="bold")
        table.add_row("")
        for each in look.comparisons:
            name = f"{figures.metric_name(each.metric)}, {figures.variant_name(each.variant)}"
            table.add_row(
                row_name(f"  {safe(name)}"),
                safe(figures.number(each.z, 2) if each.HasField("z") else ABSENT),
                safe(figures.number(each.boundary, 2) if each.HasField("boundary") else ABSENT),
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

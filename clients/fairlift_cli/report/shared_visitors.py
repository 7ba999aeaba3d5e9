"""Which of the campaigns that run may have the same visitors: a small matrix."""

from collections.abc import Iterable

from fairlift.engine.campaign import Campaign
from fairlift.engine.errors import InvalidCampaign
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_RUNNING
from fairlift.v1.campaign_pb2 import Campaign as CampaignMessage
from fairlift.wire.campaign import campaign_from
from fairlift_report.table import GroupView, RowView, TableView
from fairlift_stats.messages import Number

from fairlift_cli.audience.checks import overlap
from fairlift_cli.audience.example_values import Undecidable
from fairlift_cli.audience.shared_visitors import are_apart
from fairlift_cli.figures import NO_VALUE, Figures

# A larger matrix is not read, and each pair is a search.
MOST_COMPARED = 12
_SHARED, _UNKNOWN = "●", "?"


def shared_visitors_table(
    figures: Figures, campaigns: Iterable[CampaignMessage]
) -> TableView | None:
    """A row and a column for each running campaign; None where fewer than two run."""
    every = list(_running(campaigns))
    running = every[:MOST_COMPARED]
    if len(running) < 2:
        return None
    heading = figures.say("portfolio.shared")
    if len(every) > len(running):
        shown, count = Number(len(running)), Number(len(every))
        heading = figures.say("portfolio.shared_first", shown=shown, count=count)
    rows = tuple(
        RowView(
            f"{number}. {one.display_name or one.id}",
            tuple("" if one is other else _cell(one, other) for other in running),
        )
        for number, one in enumerate(running, 1)
    )
    columns = tuple(f"{number}." for number in range(1, len(running) + 1))
    return TableView(heading, columns, (GroupView("", "", rows),))


def _running(campaigns: Iterable[CampaignMessage]) -> Iterable[Campaign]:
    for message in campaigns:
        if message.state == CAMPAIGN_STATE_RUNNING:
            try:
                yield campaign_from(message)
            except InvalidCampaign:  # of a newer server
                continue


def _cell(one: Campaign, other: Campaign) -> str:
    if are_apart(one, other):
        return NO_VALUE
    try:
        visitor = overlap(one.audience, other.audience)
    except Undecidable:
        return _UNKNOWN
    return NO_VALUE if visitor is None else _SHARED

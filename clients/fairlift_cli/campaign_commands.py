"""Commands on campaigns of the server: list them, and change their state."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from fairlift.v1 import campaign_pb2 as pb
from fairlift.v1 import campaign_service_pb2 as service
from fairlift.wire.campaign import campaign_id
from fairlift.wire.values import time_to
from rich.cells import cell_len

from fairlift_cli.local_time import local_time
from fairlift_cli.screen import Screen, plain_table
from fairlift_cli.server_connection import ServerConnection, full_name

_STYLES = {
    pb.CAMPAIGN_STATE_RUNNING: "green",
    pb.CAMPAIGN_STATE_PAUSED: "yellow",
    pb.CAMPAIGN_STATE_ARCHIVED: "dim",
}
_COLUMNS = ("Campaign", "State", "Epoch", "Primary metric", "Since", "Variants")
# On a narrow screen, in this order.
_DROPPED = ("Epoch", "Variants", "Primary metric", "Since")
VERBS = ("start", "pause", "resume", "stop", "archive")


def all_campaigns(server: ServerConnection, *, archived: bool) -> Iterator[pb.Campaign]:
    """The server's campaigns, page by page."""
    states = pb.CampaignState.values()[1:] if archived else []
    request = service.ListCampaignsRequest(states=states)
    for page in server.pages(server.campaigns.ListCampaigns, request):
        yield from page.campaigns


def change_state(
    server: ServerConnection,
    verb: str,
    campaign: str,
    *,
    reason: str = "",
    start_time: datetime | None = None,
) -> pb.Campaign:
    """Starts, pauses, resumes, stops or archives a campaign; returns it as it is afterwards."""
    name, stub = full_name(campaign), server.campaigns
    match verb:
        case "start":
            start = service.StartCampaignRequest(name=name, reason=reason)
            if start_time is not None:
                start.start_time.CopyFrom(time_to(start_time))
            return server.call(stub.StartCampaign, start)
        case "pause":
            pause = service.PauseCampaignRequest(name=name, reason=reason)
            return server.call(stub.PauseCampaign, pause)
        case "resume":
            resume = service.ResumeCampaignRequest(name=name, reason=reason)
            return server.call(stub.ResumeCampaign, resume)
        case "stop":
            return server.call(
                stub.StopCampaign, service.StopCampaignRequest(name=name, reason=reason)
            )
        case "archive":
            archive = service.ArchiveCampaignRequest(name=name, reason=reason)
            return server.call(stub.ArchiveCampaign, archive)
    raise ValueError(f"{verb!r} must be one of {VERBS}")


def show_campaigns(screen: Screen, campaigns: list[pb.Campaign], closed: Mapping[str, str]) -> None:
    """Prints one row for each campaign.

    Args:
        screen: where to print.
        campaigns: in the order of the rows.
        closed: by name, what is said of a running campaign whose entry is over.
    """
    if not campaigns:
        screen.line("No campaigns yet; create one with `fairlift apply FILE`.")
        return
    rows = [_row(screen, campaign, closed) for campaign in campaigns]
    columns = _columns_that_fit(campaigns, rows, room=screen.width)
    table = plain_table(
        *((_COLUMNS[index], "right" if _COLUMNS[index] == "Epoch" else "left") for index in columns)
    )
    for column in table.columns:
        # The list of variants breaks between them.
        column.no_wrap = column.header != "Variants"
    for campaign, row in zip(campaigns, rows, strict=True):
        table.add_row(*(row[index] for index in columns), style=_STYLES.get(campaign.state, ""))
    screen.table(table)


def _columns_that_fit(
    campaigns: list[pb.Campaign], rows: list[tuple[str, ...]], *, room: int
) -> list[int]:
    """Indices of the columns that fit. Names are never wrapped, so that they can be copied."""
    widths = [max(map(cell_len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    variant_ids = (variant.id for campaign in campaigns for variant in campaign.variants)
    widths[-1] = max(map(cell_len, (_COLUMNS[-1], *variant_ids)))
    columns = [*range(len(_COLUMNS))]
    for dropped in _DROPPED:
        if sum(widths[index] + 2 for index in columns) - 2 > room:
            columns.remove(_COLUMNS.index(dropped))
    return columns


def _row(screen: Screen, campaign: pb.Campaign, closed: Mapping[str, str]) -> tuple[str, ...]:
    variants = ", ".join(variant.id for variant in campaign.variants)
    return (
        screen.safe(campaign_id(campaign.name)),
        closed.get(campaign.name) or state_word(campaign.state),
        str(campaign.epoch),
        screen.safe(", ".join(planned.metric for planned in campaign.plan.primary)) or "-",
        _since(campaign),
        screen.safe(variants),
    )


def show_state(screen: Screen, campaign: pb.Campaign) -> None:
    """Prints the campaign's new state in one line."""
    sealed = ""
    if campaign.state == pb.CAMPAIGN_STATE_RUNNING and campaign.plan.hash:
        sealed = f", its plan sealed as {campaign.plan.hash[:12]}"
    screen.line(f"{campaign_id(campaign.name)} is {state_word(campaign.state)}{sealed}.")


def state_word(state: pb.CampaignState.ValueType) -> str:
    """The state as one lower-case word."""
    return pb.CampaignState.Name(state).removeprefix("CAMPAIGN_STATE_").lower()


def _since(campaign: pb.Campaign) -> str:
    """The day of the last change of state, in the campaign's time zone."""
    if campaign.HasField("stop_time"):
        moment = campaign.stop_time
    elif campaign.HasField("start_time"):
        moment = campaign.start_time
    else:
        moment = campaign.create_time
    return local_time(moment, campaign.time_zone).strftime("%Y-%m-%d")

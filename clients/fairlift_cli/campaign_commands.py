"""Commands on campaigns of the server: list them, and change their state."""

from collections.abc import Iterator
from datetime import datetime

from fairlift.v1 import campaign_pb2 as pb
from fairlift.v1 import campaign_service_pb2 as service
from fairlift.wire.campaign import campaign_id
from fairlift.wire.values import time_to

from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import ServerConnection, full_name

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


def show_state(screen: Screen, campaign: pb.Campaign) -> None:
    """Prints the campaign's new state in one line."""
    sealed = ""
    if campaign.state == pb.CAMPAIGN_STATE_RUNNING and campaign.plan.hash:
        sealed = f", its plan sealed as {campaign.plan.hash[:12]}"
    screen.line(f"{campaign_id(campaign.name)} is {state_word(campaign.state)}{sealed}.")


def state_word(state: pb.CampaignState.ValueType) -> str:
    """The state as one lower-case word."""
    return pb.CampaignState.Name(state).removeprefix("CAMPAIGN_STATE_").lower()

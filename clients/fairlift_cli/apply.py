"""Brings campaign files to the server: shows what would change, then does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import (
    CHANGE_CLASS_CREATE,
    CHANGE_CLASS_NEW_EPOCH,
    CHANGE_CLASS_NONE,
    CHANGE_CLASS_REFUSED,
    CHANGE_CLASS_SAFE,
    CampaignChange,
    ChangeClass,
    GetCampaignRequest,
    PlanChangeRequest,
    UpdateCampaignRequest,
)

from fairlift_cli.check import check
from fairlift_cli.failures import Refused
from fairlift_cli.findings import as_text
from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import Server, is_not_found

_WORDS: dict[ChangeClass.ValueType, tuple[str, str]] = {
    CHANGE_CLASS_NONE: ("unchanged", "dim"),
    CHANGE_CLASS_CREATE: ("new", "green"),
    CHANGE_CLASS_SAFE: ("safe", "green"),
    CHANGE_CLASS_NEW_EPOCH: ("new epoch", "yellow"),
    CHANGE_CLASS_REFUSED: ("refused", "red"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One campaign and what applying it would do."""

    campaign: Campaign
    change: CampaignChange

    def is_allowed(self, *, new_epoch: bool) -> bool:
        """Whether the change may be done, with or without consent to a new epoch."""
        match self.change.change_class:
            case ChangeClass.CHANGE_CLASS_REFUSED:
                return False
            case ChangeClass.CHANGE_CLASS_NEW_EPOCH:
                return new_epoch
        return True


def campaigns_of(paths: Iterable[Path]) -> list[Campaign]:
    """The campaigns of the files.

    Raises:
        Refused: they have mistakes; the text holds every one.
        Misused: a path leads to no campaign file.
    """
    checked = check(paths)
    if checked.findings:
        raise Refused(f"{as_text(checked.findings)}\nNothing was applied.")
    return [document.message for document in checked.documents]


def steps(server: Server, campaigns: Iterable[Campaign]) -> list[Step]:
    """What applying each campaign would do; nothing is changed."""
    return [_step(server, campaign) for campaign in campaigns]


def do(server: Server, step: Step, *, new_epoch: bool) -> Campaign:
    """Applies one campaign; refused when somebody changed it since the step was made."""
    return server.call(
        server.campaigns.UpdateCampaign,
        UpdateCampaignRequest(campaign=step.campaign, new_epoch=new_epoch, allow_missing=True),
    )


def why_not(found: Sequence[Step], *, new_epoch: bool) -> str:
    """Why the steps cannot be done, or nothing when they can."""
    stopped = [step for step in found if not step.is_allowed(new_epoch=new_epoch)]
    if not stopped:
        return ""
    names = ", ".join(_id(step) for step in stopped)
    if any(step.change.change_class == CHANGE_CLASS_REFUSED for step in stopped):
        refused = f"Nothing was applied: changes to {names} are refused."
        return f"{refused} Stop the campaign and create another."
    return f"Nothing was applied: {names} would start a new epoch. Allow it with --new-epoch."


def show(screen: Screen, found: Iterable[Step]) -> None:
    """Prints each campaign, its class of change, and the fields that change."""
    for step in found:
        word, style = _WORDS[step.change.change_class]
        screen.line(f"{_id(step)}: {word}", style=style)
        for change in step.change.changes:
            before, after = change.before or "nothing", change.after or "nothing"
            arrow = screen.glyphs.arrow
            why = f" ({_WORDS[change.change_class][0]}: {change.reason})" if change.reason else ""
            screen.line(f"{change.field}: {before} {arrow} {after}{why}", indent=2)


def _step(server: Server, campaign: Campaign) -> Step:
    campaign = _with_etag(server, campaign)
    request = PlanChangeRequest(campaigns=[campaign])
    return Step(campaign, server.call(server.campaigns.PlanChange, request).campaigns[0])


def _with_etag(server: Server, campaign: Campaign) -> Campaign:
    """The campaign with the etag of what it will change, so that nobody comes between."""
    request = GetCampaignRequest(name=campaign.name)
    try:
        etag = server.call(server.campaigns.GetCampaign, request).etag
    except Refused as refusal:
        if not is_not_found(refusal):
            raise
        etag = ""
    tagged = Campaign()
    tagged.CopyFrom(campaign)
    tagged.etag = etag
    return tagged


def _id(step: Step) -> str:
    return step.campaign.name.removeprefix("campaigns/")

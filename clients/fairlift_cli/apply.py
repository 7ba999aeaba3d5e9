"""The `apply` command: shows what campaign files would change on the server, then changes it."""

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

from fairlift_cli.check import check_files
from fairlift_cli.failures import CommandRefused
from fairlift_cli.findings import as_text
from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import ServerConnection, is_not_found

_WORDS: dict[ChangeClass.ValueType, tuple[str, str]] = {
    CHANGE_CLASS_NONE: ("unchanged", "dim"),
    CHANGE_CLASS_CREATE: ("new", "green"),
    CHANGE_CLASS_SAFE: ("safe", "green"),
    CHANGE_CLASS_NEW_EPOCH: ("new epoch", "yellow"),
    CHANGE_CLASS_REFUSED: ("refused", "red"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One campaign, and the change that applying it would make."""

    campaign: Campaign
    change: CampaignChange

    def is_allowed(self, *, new_epoch: bool) -> bool:
        """Whether the change may be applied, with or without consent to a new epoch."""
        match self.change.change_class:
            case ChangeClass.CHANGE_CLASS_REFUSED:
                return False
            case ChangeClass.CHANGE_CLASS_NEW_EPOCH:
                return new_epoch
        return True


def campaigns_of(paths: Iterable[Path]) -> list[Campaign]:
    """The campaigns of the files.

    Raises:
        CommandRefused: the files have mistakes; the message lists all of them.
        Misused: a path contains no campaign file.
    """
    checked = check_files(paths)
    if checked.findings:
        raise CommandRefused(f"{as_text(checked.findings)}\nNothing was applied.")
    return [document.message for document in checked.documents]


def planned_steps(server: ServerConnection, campaigns: Iterable[Campaign]) -> list[Step]:
    """The steps that would apply the campaigns; changes nothing."""
    return [_step(server, campaign) for campaign in campaigns]


def apply_step(server: ServerConnection, step: Step, *, new_epoch: bool) -> Campaign:
    """Applies one campaign; the server refuses it if it changed since the step was planned."""
    return server.call(
        server.campaigns.UpdateCampaign,
        UpdateCampaignRequest(campaign=step.campaign, new_epoch=new_epoch, allow_missing=True),
    )


def refusal_of(steps: Sequence[Step], *, new_epoch: bool) -> str:
    """The reason why the steps cannot be applied; empty when they can."""
    blocked = [step for step in steps if not step.is_allowed(new_epoch=new_epoch)]
    if not blocked:
        return ""
    names = ", ".join(_campaign_id(step) for step in blocked)
    if any(step.change.change_class == CHANGE_CLASS_REFUSED for step in blocked):
        refused = f"Nothing was applied: changes to {names} are refused."
        return f"{refused} Stop the campaign and create another."
    return f"Nothing was applied: {names} would start a new epoch. Allow it with --new-epoch."


def show_steps(screen: Screen, steps: Iterable[Step]) -> None:
    """Prints each campaign, its class of change, and the fields that change."""
    for step in steps:
        word, style = _WORDS[step.change.change_class]
        screen.line(f"{_campaign_id(step)}: {word}", style=style)
        for change in step.change.changes:
            before, after = change.before or "nothing", change.after or "nothing"
            arrow = screen.glyphs.arrow
            reason = (
                f" ({_WORDS[change.change_class][0]}: {change.reason})" if change.reason else ""
            )
            screen.line(f"{change.field}: {before} {arrow} {after}{reason}", indent=2)


def _step(server: ServerConnection, campaign: Campaign) -> Step:
    campaign = _with_etag(server, campaign)
    request = PlanChangeRequest(campaigns=[campaign])
    return Step(campaign, server.call(server.campaigns.PlanChange, request).campaigns[0])


def _with_etag(server: ServerConnection, campaign: Campaign) -> Campaign:
    """The campaign with the etag of the stored one, so that no change in between is overwritten."""
    request = GetCampaignRequest(name=campaign.name)
    try:
        etag = server.call(server.campaigns.GetCampaign, request).etag
    except CommandRefused as refusal:
        if not is_not_found(refusal):
            raise
        etag = ""
    tagged = Campaign()
    tagged.CopyFrom(campaign)
    tagged.etag = etag
    return tagged


def _campaign_id(step: Step) -> str:
    return step.campaign.name.removeprefix("campaigns/")

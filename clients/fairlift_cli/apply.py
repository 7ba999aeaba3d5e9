"""The `apply` command: shows what campaign files would change on the server, then changes it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.campaign_service_pb2 import (
    CHANGE_CLASS_CREATE,
    CHANGE_CLASS_NEW_EPOCH,
    CHANGE_CLASS_NONE,
    CHANGE_CLASS_REFUSED,
    CHANGE_CLASS_SAFE,
    BatchUpdateCampaignsRequest,
    CampaignChange,
    ChangeClass,
    PlanChangeRequest,
    UpdateCampaignRequest,
)

from fairlift_cli.check import check_files
from fairlift_cli.failures import CommandRefused
from fairlift_cli.findings import as_text
from fairlift_cli.screen import Screen
from fairlift_cli.server_connection import ServerConnection, full_name

# Of one request: the server takes 1,000 campaigns, and 4 MiB with all that is around them.
_MAX_CAMPAIGNS = 1_000
_MAX_BYTES = 3 * 1024 * 1024

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
    campaigns = list(campaigns)
    steps: dict[str, Step] = {}
    for group in groups_of(campaigns):
        request = PlanChangeRequest(campaigns=group)
        planned = server.call(server.campaigns.PlanChange, request).campaigns
        steps |= {c.name: Step(c, change) for c, change in zip(group, planned, strict=True)}
    return [steps[campaign.name] for campaign in campaigns]


def apply_steps(server: ServerConnection, steps: Iterable[Step], *, new_epoch: bool) -> None:
    """Writes what differs; the server refuses what changed since the steps were planned."""
    changed = {
        step.campaign.name: step for step in steps if step.change.change_class != CHANGE_CLASS_NONE
    }
    for group in groups_of(step.campaign for step in changed.values()):
        requests = (
            UpdateCampaignRequest(
                campaign=_with_etag(changed[campaign.name]),
                new_epoch=new_epoch,
                allow_missing=True,
            )
            for campaign in group
        )
        server.call(
            server.campaigns.BatchUpdateCampaigns, BatchUpdateCampaignsRequest(requests=requests)
        )


def groups_of(campaigns: Iterable[Campaign]) -> Iterator[list[Campaign]]:
    """Groups that fit into one request each; campaigns that depend on each other stay together.

    Each group is planned and applied as a whole; usually there is one.
    """
    group: list[Campaign] = []
    size = 0
    for related in _related(list(campaigns)):
        more = sum(campaign.ByteSize() for campaign in related)
        if group and (len(group) + len(related) > _MAX_CAMPAIGNS or size + more > _MAX_BYTES):
            yield group
            group, size = [], 0
        group += related
        size += more
    if group:
        yield group


def _related(campaigns: Sequence[Campaign]) -> Iterable[list[Campaign]]:
    """The campaigns, those together that share a layer or build on each other."""
    parents: dict[str, str] = {}

    def root(key: str) -> str:
        while (parent := parents.setdefault(key, key)) != key:
            key = parent
        return key

    for campaign in campaigns:
        for prerequisite in campaign.prerequisites:
            parents[root(full_name(prerequisite.campaign))] = root(campaign.name)
        if campaign.HasField("layer"):
            parents[root(f"layers/{campaign.layer.layer}")] = root(campaign.name)
    related: dict[str, list[Campaign]] = {}
    for campaign in campaigns:
        related.setdefault(root(campaign.name), []).append(campaign)
    return related.values()


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


def _with_etag(step: Step) -> Campaign:
    """The campaign with the etag of the stored one, so that no change in between is overwritten."""
    tagged = Campaign()
    tagged.CopyFrom(step.campaign)
    tagged.etag = step.change.etag
    return tagged


def _campaign_id(step: Step) -> str:
    return step.campaign.name.removeprefix("campaigns/")

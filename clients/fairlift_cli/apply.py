"""The commands `diff` and `apply`: what campaign files change on the server."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_ARCHIVED,
    CAMPAIGN_STATE_PAUSED,
    CAMPAIGN_STATE_RUNNING,
    CAMPAIGN_STATE_STOPPED,
    Campaign,
)
from fairlift.v1.campaign_service_pb2 import (
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
from fairlift.wire.campaign import campaign_from, campaign_id

from fairlift_cli.campaign_commands import all_campaigns
from fairlift_cli.check import check_files
from fairlift_cli.failures import CommandRefused, Misused
from fairlift_cli.formats.as_text import as_text
from fairlift_cli.reader import Document
from fairlift_cli.refusals import naming_campaigns
from fairlift_cli.server_connection import ServerConnection, full_name

if TYPE_CHECKING:
    from fairlift_cli.change_effect import ChangeEffect

# Of one request: the server takes 1,000 campaigns, and 4 MiB with all that is around them.
_MAX_CAMPAIGNS = 1_000
_MAX_BYTES = 3 * 1024 * 1024
# The etag of no campaign: refused if somebody has created the campaign in the meantime.
_ABSENT = "absent"
_STARTED = (CAMPAIGN_STATE_RUNNING, CAMPAIGN_STATE_PAUSED)
_APPLICABLE = (CHANGE_CLASS_SAFE, CHANGE_CLASS_NEW_EPOCH)
# What no assignment depends on.
_NOTES = frozenset({"display_name", "description", "labels", "attributes"})
# Simulated visitors of one change; fewer if there are many changes.
_SAMPLE, _LEAST_SAMPLE, _SAMPLED_IN_ALL = 100_000, 5_000, 500_000


@dataclass(frozen=True, slots=True)
class Step:
    """One campaign, and the change that applying it would make."""

    campaign: Campaign
    change: CampaignChange

    @property
    def is_change(self) -> bool:
        """Whether applying it changes anything."""
        return self.change.change_class != CHANGE_CLASS_NONE

    @property
    def is_change_of_running(self) -> bool:
        """Whether applying it changes a campaign that has started and not ended."""
        return self.is_change and self.change.state in _STARTED

    @property
    def may_move_visitors(self) -> bool:
        """Whether assignments of a started campaign may change by it."""
        fields = {change.field.rpartition(".")[2] for change in self.change.changes}
        return self.change.change_class in _APPLICABLE and not fields <= _NOTES

    def is_allowed(self, *, new_epoch: bool) -> bool:
        """Whether the change may be applied, with or without consent to a new epoch."""
        if self.change.state == CAMPAIGN_STATE_ARCHIVED:
            return False
        match self.change.change_class:
            case ChangeClass.CHANGE_CLASS_REFUSED:
                return False
            case ChangeClass.CHANGE_CLASS_NEW_EPOCH:
                return new_epoch
        return True


def documents_of(paths: Iterable[Path]) -> tuple[Document, ...]:
    """The campaigns of the files, with the places of their fields.

    Raises:
        CommandRefused: the files have mistakes; the message lists all of them.
        Misused: a path contains no campaign file.
    """
    checked = check_files(paths)
    if checked.findings:
        raise CommandRefused(f"{as_text(checked.findings)}\nNothing was applied.")
    if not checked.documents:
        # Pruning would take every campaign of the server for one that no file names.
        raise Misused("there is no campaign in these files")
    return checked.documents


def planned_steps(server: ServerConnection, campaigns: Iterable[Campaign]) -> list[Step]:
    """The steps that would apply the campaigns; changes nothing."""
    campaigns = list(campaigns)
    steps: dict[str, Step] = {}
    for group in groups_of(campaigns):
        request = PlanChangeRequest(campaigns=group)
        with naming_campaigns(group):
            planned = server.call(server.campaigns.PlanChange, request).campaigns
        steps |= {c.name: Step(c, change) for c, change in zip(group, planned, strict=True)}
    return [steps[campaign.name] for campaign in campaigns]


def apply_steps(
    server: ServerConnection, steps: Iterable[Step], *, new_epoch: bool, reason: str = ""
) -> None:
    """Writes what differs; the server refuses what changed since the steps were planned."""
    changed = {step.campaign.name: step for step in steps if step.is_change}
    for group in groups_of(step.campaign for step in changed.values()):
        requests = (
            UpdateCampaignRequest(
                campaign=_with_etag(changed[campaign.name]),
                new_epoch=new_epoch,
                allow_missing=True,
                reason=reason,
            )
            for campaign in group
        )
        batch = BatchUpdateCampaignsRequest(requests=requests)
        with naming_campaigns(group):
            server.call(server.campaigns.BatchUpdateCampaigns, batch)


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
    by_sentence: dict[str, list[str]] = {}
    for step in blocked:
        by_sentence.setdefault(_way_out(step), []).append(_campaign_id(step))
    return "\n".join(
        f"Nothing was applied: {sentence.format(', '.join(names))}."
        for sentence, names in by_sentence.items()
    )


def _way_out(step: Step) -> str:
    """What to do about a step that cannot be applied, with a place for the campaigns."""
    if step.change.state == CAMPAIGN_STATE_ARCHIVED:
        return "{} cannot come back from the archive: remove the file, or choose another id"
    if step.change.change_class != CHANGE_CLASS_REFUSED:
        return "{} would start a new epoch: allow it with --new-epoch"
    if step.change.state == CAMPAIGN_STATE_STOPPED:
        return "{} has ended, and only its words may change: create another campaign"
    return "changes to {} are refused: stop it and create another campaign"


def with_effects(
    server: ServerConnection, steps: Sequence[Step], *, now: datetime, visitors: Path | None
) -> "dict[str, ChangeEffect]":
    """The effects of changes to started campaigns, by name; also puts their counts into the steps.

    Raises:
        Misused: the file of visitors cannot be used.
    """
    changed = [step for step in steps if step.may_move_visitors]
    if not changed:
        return {}
    # Here, not above: most files change nothing, and the engine takes a moment to import.
    from fairlift_cli.all_results import all_reports
    from fairlift_cli.change_effect import effect_of_change

    stored = {c.name: c for c in all_campaigns(server, archived=False)}
    others = {c.id: c for c in map(campaign_from, stored.values())}
    reports = {report.campaign: report for report in all_reports(server, language="en")}
    effects: dict[str, ChangeEffect] = {}
    sampled = max(_LEAST_SAMPLE, min(_SAMPLE, _SAMPLED_IN_ALL // len(changed)))
    for step in changed:
        before = stored.get(step.campaign.name)
        if before is None or before.state not in _STARTED:
            continue
        effect = effect_of_change(
            others[campaign_id(before.name)],
            campaign_from(step.campaign),
            others=others,
            is_new_epoch=step.change.change_class == CHANGE_CLASS_NEW_EPOCH,
            now=now,
            sample=visitors or sampled,
        )
        effects[step.campaign.name] = effect
        if report := reports.get(step.campaign.name):
            step.change.entered_units = report.units
            step.change.moved_units = round(report.units * effect.share_of_members(effect.moved))
    return effects


def _with_etag(step: Step) -> Campaign:
    """The campaign with the etag of the stored one, so that no change in between is overwritten."""
    tagged = Campaign()
    tagged.CopyFrom(step.campaign)
    tagged.etag = step.change.etag or _ABSENT
    return tagged


def _campaign_id(step: Step) -> str:
    return campaign_id(step.campaign.name)

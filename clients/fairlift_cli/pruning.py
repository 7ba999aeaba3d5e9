"""What `fairlift apply --prune` does to the campaigns of the server that no file names."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_DRAFT,
    CAMPAIGN_STATE_STOPPED,
    Campaign,
)
from fairlift.v1.campaign_service_pb2 import ArchiveCampaignRequest
from fairlift.wire.campaign import campaign_id

from fairlift_cli.campaign_commands import all_campaigns, state_word
from fairlift_cli.failures import CommandRefused
from fairlift_cli.server_connection import ServerConnection, full_name

_ARCHIVED = (CAMPAIGN_STATE_DRAFT, CAMPAIGN_STATE_STOPPED)


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A campaign that no file names; `kept` says why it stays, and is empty if it is archived."""

    campaign: Campaign
    kept: str


def unnamed_campaigns(server: ServerConnection, named: Iterable[Campaign]) -> list[Unnamed]:
    """The campaigns that no file names, and what pruning does to each.

    A running experiment is never ended, and what another campaign requires stays.
    """
    files = {campaign.name: campaign for campaign in named}
    unnamed = [c for c in all_campaigns(server, archived=False) if c.name not in files]
    is_open = [campaign for campaign in unnamed if campaign.state not in _ARCHIVED]
    required_by: dict[str, str] = {}
    waiting = [*files.values(), *is_open]
    by_name = {campaign.name: campaign for campaign in unnamed}
    while waiting:
        campaign = waiting.pop()
        for needed in campaign.prerequisites:
            name = full_name(needed.campaign)
            if name in by_name and name not in required_by:
                required_by[name] = campaign_id(campaign.name)
                waiting.append(by_name[name])
    return [Unnamed(campaign, _why_kept(campaign, required_by)) for campaign in unnamed]


def check_folders_are_whole(paths: Iterable[Path]) -> None:
    """Refuses folders of which a part is not read: its campaigns would seem to have no file.

    Raises:
        CommandRefused: a folder cannot be opened, or leads to another one by a link.
    """
    errors: list[OSError] = []
    unread: list[str] = []
    for path in paths:
        if not path.is_dir():
            continue
        for parent, folders, _ in os.walk(path, onerror=errors.append):
            links = (Path(parent, name) for name in folders if not name.startswith("."))
            unread += (str(link) for link in links if link.is_symlink())
    unread += (str(error.filename) for error in errors)
    if unread:
        listed = ", ".join(sorted(unread))
        raise CommandRefused(
            f"Nothing was applied: --prune would archive the campaigns of {listed}, which is not "
            "read; put its files into the folder itself"
        )


def check_unnamed_are_the_same(
    server: ServerConnection, listed: Sequence[Unnamed], named: Iterable[Campaign]
) -> None:
    """Refuses if campaigns that no file names are not the same as when they were listed.

    Raises:
        CommandRefused: one was; nothing was applied yet.
    """
    now = unnamed_campaigns(server, named)
    before = {each.campaign.name: (each.campaign.etag, each.kept) for each in listed}
    after = {each.campaign.name: (each.campaign.etag, each.kept) for each in now}
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        names = ", ".join(campaign_id(name) for name in changed)
        raise CommandRefused(
            f"Nothing was applied: {names} changed on the server in the meantime; run it again"
        )


def archive_unnamed(server: ServerConnection, unnamed: Sequence[Unnamed], *, reason: str) -> None:
    """Archives those that are not kept; refused if one was changed since it was listed."""
    for each in unnamed:
        if not each.kept:
            request = ArchiveCampaignRequest(
                name=each.campaign.name,
                etag=each.campaign.etag,
                reason=reason or "no file names it",
            )
            server.call(server.campaigns.ArchiveCampaign, request)


def _why_kept(campaign: Campaign, required_by: dict[str, str]) -> str:
    name = campaign_id(campaign.name)
    if campaign.state not in _ARCHIVED:
        return f"it is {state_word(campaign.state)}; end it with `fairlift stop {name}`"
    if campaign.name in required_by:
        return f"{required_by[campaign.name]} requires it"
    return ""

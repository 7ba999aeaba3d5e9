"""A requested change to a campaign, and the checks of whether it is allowed."""

from collections.abc import Callable
from dataclasses import dataclass

from fairlift.engine.campaign import Campaign
from fairlift.engine.change import ChangeClass, FieldChange, gravest
from fairlift.engine.errors import ChangeRefused, NeedsNewEpoch, StaleEtag


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What an update would do."""

    change_class: ChangeClass
    changes: tuple[FieldChange, ...]
    # Of the campaign as it is; empty when it does not exist.
    etag: str = ""


@dataclass(frozen=True, slots=True)
class CampaignUpdate:
    """A requested change to one campaign.

    Attributes:
        change: from the stored campaign to the requested one.
        create: the complete campaign, for when none is stored yet.
        etag: of the version that the caller read; empty: any version may be changed.
        validate_only: check, and store nothing.
        new_epoch: the caller accepts that the change starts a new epoch.
        allow_missing: create the campaign when it does not exist.
        reason: kept in the history.
    """

    id: str
    change: Callable[[Campaign], Campaign]
    create: Callable[[], Campaign]
    etag: str = ""
    validate_only: bool = False
    new_epoch: bool = False
    allow_missing: bool = False
    reason: str = ""


def check_change(
    before: Campaign, field_changes: tuple[FieldChange, ...], update: CampaignUpdate
) -> None:
    """Refuses a change that the campaign's state does not allow.

    Raises:
        ChangeRefused: the change would alter the rules of an experiment that has started.
        NeedsNewEpoch: the change needs a new epoch, and the update does not allow one.
    """
    change_class = gravest(field_changes)
    reasons = "; ".join(
        f"{change.field}: {change.reason}"
        for change in field_changes
        if change.change_class is change_class
    )
    state = before.lifecycle.state
    if change_class is ChangeClass.REFUSED:
        raise ChangeRefused(
            f"campaign {before.id} is {state} and does not allow this change: {reasons}; "
            "stop it and create another"
        )
    if change_class is ChangeClass.NEW_EPOCH and not update.new_epoch:
        raise NeedsNewEpoch(
            f"campaign {before.id} is {state}, and this change starts a new epoch: {reasons}; "
            "allow it with new_epoch (fairlift apply --new-epoch)"
        )


def check_etag(campaign: Campaign, etag: str) -> None:
    """Refuses a change that is based on an older version of the campaign.

    Raises:
        StaleEtag: the campaign was changed after the caller read it.
    """
    if etag and etag != campaign.lifecycle.etag:
        raise StaleEtag(
            f"campaign {campaign.id} was changed since it was read (etag {etag}, is now "
            f"{campaign.lifecycle.etag}); read it again and repeat the change"
        )

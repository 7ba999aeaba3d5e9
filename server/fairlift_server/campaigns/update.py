"""Requested changes to campaigns, and the checks of whether they are allowed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from fairlift.engine.campaign import Campaign, Lifecycle, State, layer_violations
from fairlift.engine.change import ChangeClass, FieldChange, changes, gravest
from fairlift.engine.errors import (
    ChangeRefused,
    InvalidCampaign,
    InvalidRequest,
    NeedsNewEpoch,
    StaleEtag,
    Violation,
)
from fairlift.engine.prerequisites import prerequisite_violations


@dataclass(frozen=True, slots=True)
class CampaignUpdate:
    """A requested change to one campaign.

    Attributes:
        id: of the campaign.
        change: from the stored campaign to the requested one.
        create: the complete campaign, for when none is stored yet.
        etag: of the version that the caller read; empty: any version may be changed.
        validate_only: check, and store nothing.
        new_epoch: the caller accepts that the change starts a new epoch.
        allow_missing: create the campaign when it does not exist.
        reason: kept in the history.
        path: of the campaign in a request that has several, such as `campaigns[3]`.
    """

    id: str
    change: Callable[[Campaign], Campaign]
    create: Callable[[], Campaign]
    etag: str = ""
    validate_only: bool = False
    new_epoch: bool = False
    allow_missing: bool = False
    reason: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What an update would do.

    Attributes:
        update: what was asked for.
        before: the stored campaign; None when there is none yet.
        after: the requested one, with the lifecycle of the stored one.
        changes: of its fields; empty when it is created, or nothing differs.
    """

    update: CampaignUpdate
    before: Campaign | None
    after: Campaign
    changes: tuple[FieldChange, ...]

    @property
    def change_class(self) -> ChangeClass:
        """The gravest class of the changes."""
        return ChangeClass.CREATE if self.before is None else gravest(self.changes)


def planned_changes(
    updates: Sequence[CampaignUpdate], stored: Mapping[str, Campaign], *, currency: str
) -> list[PlannedChange]:
    """What the updates would do together: a campaign may build on another one of them.

    Args:
        updates: one for each campaign.
        stored: the campaigns that there are, by id.
        currency: the shop's own.

    Raises:
        InvalidCampaign: a changed campaign would break rules.
        InvalidRequest: two updates are of one campaign.
    """
    together = dict(stored)
    planned: dict[str, PlannedChange] = {}
    for update in updates:
        with _below(update.path):
            if update.id in planned:
                text = f"campaign {update.id} is in this request twice; send it once"
                raise InvalidRequest([Violation("name", text)])
            before = stored.get(update.id)
            if before is None:
                after = replace(update.create(), lifecycle=Lifecycle())
                field_changes: tuple[FieldChange, ...] = ()
            else:
                after = replace(update.change(before), lifecycle=before.lifecycle)
                field_changes = changes(before, after)
            planned[update.id] = PlannedChange(update, before, after, field_changes)
            together[update.id] = after
    refused: list[Violation] = []
    for change in planned.values():
        if change.change_class is not ChangeClass.NONE:
            try:
                with _below(change.update.path):
                    check_conflicts(change.after, together, currency=currency)
            except InvalidCampaign as error:
                # All campaigns of a request are told at once, as all fields of a campaign are.
                refused += error.violations
    if refused:
        raise InvalidCampaign(refused)
    return list(planned.values())


def check_conflicts(
    campaign: Campaign, campaigns: Mapping[str, Campaign], *, currency: str
) -> None:
    """Checks the rules that need the shop's settings and the other campaigns.

    Raises:
        InvalidCampaign: it breaks them.
    """
    violations: list[Violation] = []
    if campaign.currency_code not in ("", currency):
        text = f"is {campaign.currency_code}, must be the shop's own, {currency}"
        violations.append(Violation("currency_code", text))
    if campaign.lifecycle.state not in (State.STOPPED, State.ARCHIVED):
        if campaign.layer is not None:
            violations += layer_violations(campaign, campaigns.values())
        if campaign.prerequisites:
            existing = {
                name: other
                for name, other in campaigns.items()
                if other.lifecycle.state is not State.ARCHIVED
            }
            violations += prerequisite_violations(campaign, existing)
    if violations:
        raise InvalidCampaign(violations)


def check_allowed(change: PlannedChange) -> None:
    """Refuses a change that the campaign's state, or its version, does not allow.

    Raises:
        StaleEtag: the campaign was changed after the caller read it.
        ChangeRefused: the change would alter the rules of an experiment that has started.
        NeedsNewEpoch: the change needs a new epoch, and the update does not allow one.
    """
    if change.before is not None:
        check_etag(change.before, change.update.etag)
        check_change(change.before, change.changes, change.update)


@contextmanager
def _below(path: str) -> Iterator[None]:
    """Names the campaign in a request of several: violations start with its path."""
    try:
        yield
    except (InvalidCampaign, InvalidRequest) as error:
        if not path:
            raise
        raise type(error)(violation.below(path) for violation in error.violations) from error


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
        is_over = state in (State.STOPPED, State.ARCHIVED)
        raise ChangeRefused(
            f"campaign {before.id} is {state} and does not allow this change: {reasons}; "
            f"{'create' if is_over else 'stop it and create'} another"
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

"""What the store holds of one epoch of a campaign."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from fairlift.engine.campaign import BPS, Campaign
from fairlift.engine.errors import NotFound, WrongState
from fairlift.engine.plan_hash import plan_hash

from fairlift_server.events.intake import Intake
from fairlift_server.results.analysis_plan import AnalysisPlan, analysis_plan_of
from fairlift_server.results.campaign_days import CampaignDays
from fairlift_server.results.campaign_history import campaign_of_epoch, days_of_epoch
from fairlift_server.results.frozen_look import sealed_from_json
from fairlift_server.results.look import LookRequest
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.campaigns import microseconds
from fairlift_server.store.database import Transaction
from fairlift_server.store.looks import LookRecord, looks_of
from fairlift_server.store.sealed_answers import sealed_answer


@dataclass(frozen=True, slots=True)
class StoredEpoch:
    """What the store holds of one epoch of a campaign.

    Attributes:
        campaign: as it was when the epoch began, with its lifecycle as it is now.
        plan: how it is analysed.
        days: of the epoch.
        records: its looks, oldest first.
        sealed_answer: the ledger's answer as it was sealed; None: the ledger is read.
    """

    campaign: Campaign
    plan: AnalysisPlan
    days: CampaignDays
    records: list[LookRecord]
    sealed_answer: str | None

    def request(self, now: datetime, intake: Intake) -> LookRequest:
        """What a look is made from."""
        return LookRequest(
            self.plan,
            self.campaign.lifecycle.plan_hash,
            self.days,
            tuple(sealed_from_json(record.content) for record in self.records),
            microseconds(self.records[-1].time) if self.records else None,
            microseconds(now),
            intake,
            self.sealed_answer,
        )


def stored_epoch(
    transaction: Transaction,
    campaign: str,
    epoch: int,
    *,
    currency: str,
    stored_id: Callable[[str], str] = str,
) -> StoredEpoch:
    """An epoch as it is stored.

    Args:
        transaction: to read in.
        campaign: its id.
        epoch: 0 is the current one.
        currency: the shop's.
        stored_id: from an id of a unit to the id as it is stored.

    Raises:
        NotFound: there is no such campaign or epoch.
        WrongState: the campaign has not started, or its plan was changed in the store.
    """
    current = campaign_store.get(transaction, campaign)
    if current is None:
        raise NotFound(f"campaign {campaign!r} does not exist")
    epochs = campaign_store.epochs_of(transaction, campaign).get(campaign, {})
    of_epoch = campaign_of_epoch(current, epochs, epoch)
    _check_seal(of_epoch)
    number = of_epoch.lifecycle.epoch
    days = days_of_epoch(transaction, of_epoch, epochs)
    plan = analysis_plan_of(of_epoch, currency=currency)
    # The campaign keeps them as they were chosen; the ledger has them as they are stored.
    overrides = {*of_epoch.overrides, *current.overrides}
    return StoredEpoch(
        of_epoch,
        replace(
            plan,
            entry=days.entry_rules(map(stored_id, overrides)),
            # More traffic needs no new epoch.
            traffic_share=_traffic_share(
                current if number == current.lifecycle.epoch else of_epoch
            ),
        ),
        days,
        looks_of(transaction, campaign, number),
        sealed_answer(transaction, campaign, number),
    )


def _traffic_share(campaign: Campaign) -> float:
    """The share of the audience that enters: within a layer, of the campaign's slice of it."""
    slice_bps = BPS if campaign.layer is None else campaign.layer.size_bps
    return campaign.traffic_bps / BPS * slice_bps / BPS


def _check_seal(campaign: Campaign) -> None:
    """Refuse a plan that is not the one that was sealed at the start."""
    plan, sealed_hash = campaign.plan, campaign.lifecycle.plan_hash
    assert plan is not None, "a campaign without a plan cannot start"
    if (found_hash := plan_hash(plan)) != sealed_hash:
        raise WrongState(
            f"campaign {campaign.id}: its plan has the hash {found_hash[:12]}, the plan that was "
            f"sealed at the start has {sealed_hash[:12]}: it was changed in the store; restore the "
            "database from a backup"
        )

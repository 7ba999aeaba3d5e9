"""Builds the published snapshot from the stored campaigns."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from fairlift.engine.campaign import Campaign, Lifecycle, State
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

from fairlift_server.campaigns.live import ExposureRules, PublishedSnapshot
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.database import Transaction

# A draft has no salts yet, and an archived campaign assigns nobody.
_IN_SNAPSHOT = frozenset({State.RUNNING, State.PAUSED, State.STOPPED})


def published_snapshot(transaction: Transaction, now: datetime) -> PublishedSnapshot:
    """All campaigns as they are stored in this transaction."""
    campaigns = campaign_store.listed(transaction, states=State)
    epochs = campaign_store.epochs_of(transaction)
    shop = campaign_store.current_shop(transaction)
    assert shop is not None, "the shop is written when the server starts"
    assignable = tuple(
        _snapshot_campaign(campaign, epochs[campaign.id][campaign.lifecycle.epoch])
        for campaign in campaigns
        if campaign.lifecycle.state in _IN_SNAPSHOT
    )
    snapshot = Snapshot(
        etag=_etag(assignable, shop),
        create_time=now,
        campaigns=assignable,
        layer_salts=campaign_store.layer_salts(transaction),
        holdout_bps=shop.holdout_bps,
        holdout_salt=shop.holdout_salt,
    )
    return PublishedSnapshot(
        snapshot,
        {campaign.id: _rules(campaign, epochs.get(campaign.id, {})) for campaign in campaigns},
    )


def _snapshot_campaign(campaign: Campaign, epoch: campaign_store.Epoch) -> SnapshotCampaign:
    return SnapshotCampaign(
        campaign,
        epoch.traffic_salt,
        epoch.variants_salt,
        campaign.plan.identity_policy if campaign.plan else IdentityPolicy.FIRST_SEEN,
    )


def _etag(campaigns: Sequence[SnapshotCampaign], shop: campaign_store.Shop) -> str:
    # Layer and epoch salts are left out: they never change without the etag of a campaign.
    parts = [f"{entry.campaign.id}={entry.campaign.lifecycle.etag}" for entry in campaigns]
    parts.append(f"{shop.holdout_bps}/{shop.holdout_salt}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _rules(campaign: Campaign, epochs: Mapping[int, campaign_store.Epoch]) -> ExposureRules:
    return ExposureRules(
        campaign.lifecycle.state,
        campaign.lifecycle.epoch,
        {
            number: tuple(variant.id for variant in epoch.campaign.variants)
            for number, epoch in epochs.items()
        },
        campaign.plan.segments if campaign.plan else (),
        _ended_us(campaign.lifecycle),
    )


def _ended_us(lifecycle: Lifecycle) -> int | None:
    paused = lifecycle.update_time if lifecycle.state is State.PAUSED else None
    ended = lifecycle.stop_time or paused
    return None if ended is None else int(ended.timestamp() * 1_000_000)

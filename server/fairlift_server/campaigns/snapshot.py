"""From the kept campaigns to what is published: the snapshot, and what exposures are checked by."""

import hashlib
from datetime import datetime

from fairlift.engine.campaign import Campaign, Lifecycle, State
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

from fairlift_server.campaigns.live import KnownCampaign, Publication
from fairlift_server.store import campaigns as kept
from fairlift_server.store.database import Transaction

_DECIDED = frozenset({State.RUNNING, State.PAUSED, State.STOPPED})


def publication(transaction: Transaction, now: datetime) -> Publication:
    """All campaigns as they are kept now."""
    campaigns = kept.listed(transaction, states=State)
    epochs = kept.epochs(transaction)
    shop = kept.shop(transaction)
    assert shop is not None, "the shop is put at start, before anything is published"
    decided = tuple(
        _snapshot_campaign(campaign, epochs[campaign.id][campaign.lifecycle.epoch])
        for campaign in campaigns
        if campaign.lifecycle.state in _DECIDED
    )
    snapshot = Snapshot(
        etag=_etag(decided, shop),
        create_time=now,
        campaigns=decided,
        layer_salts=kept.layer_salts(transaction),
        holdout_bps=shop.holdout_bps,
        holdout_salt=shop.holdout_salt,
    )
    known = {campaign.id: _known(campaign, epochs.get(campaign.id, {})) for campaign in campaigns}
    return Publication(snapshot, known)


def _snapshot_campaign(campaign: Campaign, epoch: kept.Epoch) -> SnapshotCampaign:
    return SnapshotCampaign(
        campaign,
        epoch.traffic_salt,
        epoch.variants_salt,
        campaign.plan.identity_policy if campaign.plan else IdentityPolicy.FIRST_SEEN,
    )


def _etag(decided: tuple[SnapshotCampaign, ...], shop: kept.Shop) -> str:
    # Salts of layers and epochs never change without the etag of a campaign.
    parts = [f"{each.campaign.id}={each.campaign.lifecycle.etag}" for each in decided]
    parts.append(f"{shop.holdout_bps}/{shop.holdout_salt}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _known(campaign: Campaign, epochs: dict[int, kept.Epoch]) -> KnownCampaign:
    return KnownCampaign(
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

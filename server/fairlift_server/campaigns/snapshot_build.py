"""Builds the published snapshot from the stored campaigns."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from fairlift.engine.campaign import Campaign, Lifecycle, State
from fairlift.engine.errors import InvalidRequest, Violation
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

from fairlift_server.campaigns.live import ExposureRules, PublishedSnapshot
from fairlift_server.store import campaigns as campaign_store
from fairlift_server.store.database import Transaction

# Of the stored messages of all campaigns that were started and not archived.
MAX_SNAPSHOT_BYTES = 128 * 1024 * 1024

# A draft has no salts yet, and an archived campaign assigns nobody.
_IN_SNAPSHOT = frozenset({State.RUNNING, State.PAUSED, State.STOPPED})


def published_snapshot(transaction: Transaction, now: datetime) -> PublishedSnapshot:
    """All campaigns as they are stored in this transaction."""
    campaigns = {c.id: c for c in campaign_store.listed(transaction, states=State)}
    epochs = campaign_store.epochs_of(transaction)
    entries = {
        name: _snapshot_campaign(campaign, epochs[name][campaign.lifecycle.epoch])
        for name, campaign in campaigns.items()
        if campaign.lifecycle.state in _IN_SNAPSHOT
    }
    sizes = campaign_store.message_sizes(transaction)
    versions = {name: _version(entry) for name, entry in entries.items()}
    return PublishedSnapshot(
        _snapshot(transaction, entries, versions, now),
        {name: _rules(campaign, epochs.get(name, {})) for name, campaign in campaigns.items()},
        campaigns,
        {name: sizes[name] for name in entries},
        entries,
        versions,
        campaign_store.shop_version(transaction),
    )


def caught_up(
    before: PublishedSnapshot, transaction: Transaction, now: datetime
) -> PublishedSnapshot:
    """The state as it is stored in this transaction; `before` itself where nothing was changed."""
    if campaign_store.shop_version(transaction) == before.version:
        return before
    changed = campaign_store.changed_since(transaction, before.version)
    return with_changes(before, transaction, changed, now)


def with_changes(
    before: PublishedSnapshot, transaction: Transaction, changed: Iterable[str], now: datetime
) -> PublishedSnapshot:
    """The state before, with the changed campaigns as they are stored in this transaction.

    Only these are read and decoded, however many campaigns there are.

    Args:
        before: the published state.
        transaction: what changed them.
        changed: their ids.
        now: when the new state is made.
    """
    campaigns, rules = dict(before.campaigns), dict(before.exposure_rules)
    entries, versions, sizes = dict(before.entries), dict(before.versions), dict(before.sizes)
    for name in changed:
        campaign = campaign_store.get(transaction, name)
        if campaign is None:  # its creation was only validated
            continue
        epochs = campaign_store.epochs_of(transaction, name).get(name, {})
        campaigns[name], rules[name] = campaign, _rules(campaign, epochs)
        if campaign.lifecycle.state in _IN_SNAPSHOT:
            entries[name] = _snapshot_campaign(campaign, epochs[campaign.lifecycle.epoch])
            versions[name] = _version(entries[name])
            sizes[name] = campaign_store.message_sizes(transaction, name)[name]
        else:
            for by_name in (entries, versions, sizes):
                by_name.pop(name, None)
    if not entries.keys() <= before.entries.keys():  # new ones stand at the end
        entries, versions = dict(sorted(entries.items())), dict(sorted(versions.items()))
    snapshot = _snapshot(transaction, entries, versions, now)
    version = campaign_store.shop_version(transaction)
    return PublishedSnapshot(snapshot, rules, campaigns, sizes, entries, versions, version)


def check_snapshot_size(before: PublishedSnapshot, after: PublishedSnapshot) -> None:
    """Refuses a change by which the snapshot becomes too large for storefronts.

    Raises:
        InvalidRequest: it does.
    """
    size = sum(after.sizes.values())
    if size > MAX_SNAPSHOT_BYTES and size > sum(before.sizes.values()):
        text = (
            f"all campaigns that were started would have {size:,} bytes together, must have at "
            f"most {MAX_SNAPSHOT_BYTES:,}: every storefront holds them in memory; archive stopped "
            "campaigns, or make payloads smaller"
        )
        raise InvalidRequest([Violation("campaign", text)])


def _snapshot(
    transaction: Transaction,
    entries: Mapping[str, SnapshotCampaign],
    versions: Mapping[str, str],
    now: datetime,
) -> Snapshot:
    shop = campaign_store.current_shop(transaction)
    assert shop is not None, "the shop is written when the server starts"
    return Snapshot(
        etag=_etag(versions, shop),
        create_time=now,
        campaigns=tuple(entries.values()),
        layer_salts=campaign_store.layer_salts(transaction),
        holdout_bps=shop.holdout_bps,
        holdout_salt=shop.holdout_salt,
    )


def _snapshot_campaign(campaign: Campaign, epoch: campaign_store.Epoch) -> SnapshotCampaign:
    return SnapshotCampaign(
        campaign,
        epoch.traffic_salt,
        epoch.variants_salt,
        campaign.plan.identity_policy if campaign.plan else IdentityPolicy.FIRST_SEEN,
    )


def _version(entry: SnapshotCampaign) -> str:
    return f"{entry.campaign.id}={entry.campaign.lifecycle.etag}"


def _etag(versions: Mapping[str, str], shop: campaign_store.Shop) -> str:
    # Layer and epoch salts are left out: they never change without the etag of a campaign.
    parts = [*versions.values(), f"{shop.holdout_bps}/{shop.holdout_salt}"]
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

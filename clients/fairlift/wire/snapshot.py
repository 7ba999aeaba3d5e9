"""Snapshots."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from fairlift.engine.errors import InvalidCampaign
from fairlift.engine.identity import IdentityPolicy
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.campaign import campaign_from, campaign_id, campaign_to
from fairlift.wire.identity import IDENTITY_POLICIES
from fairlift.wire.values import time_from, time_to


def snapshot_from(message: pb.Snapshot, *, between: Callable[[], None] = lambda: None) -> Snapshot:
    """The snapshot; a campaign in it that breaks rules is set apart and harms no other.

    `between` is called after each campaign, for those who must let others run.
    """
    campaigns: list[SnapshotCampaign] = []
    unreadable: dict[str, str] = {}
    for kept in message.campaigns:
        try:
            campaigns.append(_campaign_from(kept))
        except InvalidCampaign as error:
            unreadable[campaign_id(kept.campaign.name)] = str(error)
        between()
    return Snapshot(
        etag=message.etag,
        create_time=time_from(message.create_time) if message.HasField("create_time") else None,
        campaigns=tuple(campaigns),
        layer_salts={layer.layer: layer.salt for layer in message.layers},
        holdout_bps=message.holdout.share_bps,
        holdout_salt=message.holdout.salt,
        unreadable=unreadable,
    )


def _campaign_from(message: pb.SnapshotCampaign) -> SnapshotCampaign:
    return SnapshotCampaign(
        campaign_from(message.campaign),
        message.traffic_salt,
        message.variants_salt,
        IDENTITY_POLICIES.get(message.identity_policy, IdentityPolicy.FIRST_SEEN),
    )


def snapshot_with(
    snapshot: Snapshot, delta: pb.SnapshotDelta, *, between: Callable[[], None] = lambda: None
) -> Snapshot:
    """The snapshot after the changes; campaigns that did not change are the same objects."""
    changed = snapshot_from(
        pb.Snapshot(
            etag=delta.etag,
            create_time=delta.create_time,
            campaigns=delta.campaigns,
            layers=delta.layers,
            holdout=delta.holdout,
        ),
        between=between,
    )
    gone = {campaign_id(name) for name in delta.removed_campaigns}
    gone.update(campaign_id(each.campaign.name) for each in delta.campaigns)
    others = [each for each in snapshot.campaigns if each.campaign.id not in gone]
    campaigns = sorted((*others, *changed.campaigns), key=lambda each: each.campaign.id)
    unreadable = {name: why for name, why in snapshot.unreadable.items() if name not in gone}
    return replace(
        changed,
        campaigns=tuple(campaigns),
        unreadable=unreadable | dict(changed.unreadable),
    )


def message_with(snapshot: pb.Snapshot, delta: pb.SnapshotDelta) -> pb.Snapshot:
    """The snapshot's message after the changes."""
    campaigns = {each.campaign.name: each for each in snapshot.campaigns}
    for name in delta.removed_campaigns:
        campaigns.pop(name, None)
    campaigns.update((each.campaign.name, each) for each in delta.campaigns)
    return pb.Snapshot(
        etag=delta.etag,
        create_time=delta.create_time,
        campaigns=(campaigns[name] for name in sorted(campaigns)),
        layers=delta.layers,
        holdout=delta.holdout,
        environment=snapshot.environment,
    )


def snapshot_to(
    snapshot: Snapshot, *, campaigns: Iterable[pb.SnapshotCampaign] | None = None
) -> pb.Snapshot:
    """The snapshot as a message, with these campaigns, or with its own."""
    return pb.Snapshot(
        etag=snapshot.etag,
        create_time=time_to(snapshot.create_time) if snapshot.create_time else None,
        campaigns=map(snapshot_campaign_to, snapshot.campaigns) if campaigns is None else campaigns,
        layers=(
            pb.SnapshotLayer(layer=layer, salt=salt)
            for layer, salt in sorted(snapshot.layer_salts.items())
        ),
        holdout=pb.SnapshotHoldout(share_bps=snapshot.holdout_bps, salt=snapshot.holdout_salt),
    )


def snapshot_campaign_to(salted: SnapshotCampaign) -> pb.SnapshotCampaign:
    """One campaign; its plan and texts, which deciding does not need, are left out."""
    return pb.SnapshotCampaign(
        campaign=campaign_to(
            replace(salted.campaign, plan=None, description="", display_name="", labels={})
        ),
        traffic_salt=salted.traffic_salt,
        variants_salt=salted.variants_salt,
        identity_policy=IDENTITY_POLICIES.to(salted.identity_policy),
    )

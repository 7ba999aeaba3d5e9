"""Snapshots."""

from collections.abc import Callable
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


def snapshot_to(snapshot: Snapshot) -> pb.Snapshot:
    """The snapshot as a message; plans and texts, which deciding does not need, are left out."""
    return pb.Snapshot(
        etag=snapshot.etag,
        create_time=time_to(snapshot.create_time) if snapshot.create_time else None,
        campaigns=(
            pb.SnapshotCampaign(
                campaign=campaign_to(
                    replace(kept.campaign, plan=None, description="", display_name="", labels={})
                ),
                traffic_salt=kept.traffic_salt,
                variants_salt=kept.variants_salt,
                identity_policy=IDENTITY_POLICIES.to(kept.identity_policy),
            )
            for kept in snapshot.campaigns
        ),
        layers=(
            pb.SnapshotLayer(layer=layer, salt=salt)
            for layer, salt in sorted(snapshot.layer_salts.items())
        ),
        holdout=pb.SnapshotHoldout(share_bps=snapshot.holdout_bps, salt=snapshot.holdout_salt),
    )

"""Snapshots."""

from dataclasses import replace

from fairlift.engine.snapshot import Snapshot, SnapshotCampaign
from fairlift.v1 import assignment_service_pb2 as pb
from fairlift.wire.campaign import campaign_from, campaign_to
from fairlift.wire.values import time_from, time_to


def snapshot_from(message: pb.Snapshot) -> Snapshot:
    """The snapshot.

    Raises:
        InvalidCampaign: a campaign in it breaks rules.
    """
    return Snapshot(
        etag=message.etag,
        create_time=time_from(message.create_time) if message.HasField("create_time") else None,
        campaigns=tuple(
            SnapshotCampaign(campaign_from(kept.campaign), kept.traffic_salt, kept.variants_salt)
            for kept in message.campaigns
        ),
        layer_salts={layer.layer: layer.salt for layer in message.layers},
        holdout_bps=message.holdout.share_bps,
        holdout_salt=message.holdout.salt,
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
            )
            for kept in snapshot.campaigns
        ),
        layers=(
            pb.SnapshotLayer(layer=layer, salt=salt)
            for layer, salt in sorted(snapshot.layer_salts.items())
        ),
        holdout=pb.SnapshotHoldout(share_bps=snapshot.holdout_bps, salt=snapshot.holdout_salt),
    )

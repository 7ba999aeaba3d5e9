"""The engine of the server and the SDK, with salts of its own: the salts of a shop are secret."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fairlift.engine.bucketing import HASH_VERSION
from fairlift.engine.campaign import Campaign, Lifecycle, State
from fairlift.engine.decision import CompiledSnapshot
from fairlift.engine.snapshot import Snapshot, SnapshotCampaign

# A moment for campaigns without a schedule, so that a test gives the same answer every day.
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=1)


def simulated_snapshot(
    campaigns: Iterable[Campaign], *, holdout_bps: int = 0, salt_of: Mapping[str, str] | None = None
) -> CompiledSnapshot:
    """The campaigns, all of them running, ready to decide.

    The salts follow from the ids, so that every run and every machine gives the same answers;
    `salt_of` replaces the id of a campaign in them, as a new epoch would.
    """
    running = [_running(campaign) for campaign in campaigns]
    names = dict(salt_of or {})
    return CompiledSnapshot(
        Snapshot(
            campaigns=tuple(
                SnapshotCampaign(
                    campaign,
                    traffic_salt=f"traffic:{names.get(campaign.id, campaign.id)}",
                    variants_salt=f"variants:{names.get(campaign.id, campaign.id)}",
                )
                for campaign in running
            ),
            layer_salts={c.layer.layer: f"layer:{c.layer.layer}" for c in running if c.layer},
            holdout_bps=holdout_bps,
            holdout_salt="holdout",
        )
    )


def open_moment(campaign: Campaign) -> datetime:
    """A moment at which the campaign's schedule lets visitors in."""
    if campaign.start_time is not None:
        return campaign.start_time
    if campaign.end_time is not None and campaign.end_time <= _ANY_TIME:
        return campaign.end_time - _TICK
    return _ANY_TIME


def _running(campaign: Campaign) -> Campaign:
    lifecycle = Lifecycle(state=State.RUNNING, hash_version=HASH_VERSION)
    return replace(campaign, lifecycle=lifecycle)

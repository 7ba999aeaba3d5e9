"""The snapshot: all data that decides assignments, as the server publishes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fairlift.engine.campaign import Campaign
from fairlift.engine.identity import IdentityPolicy


@dataclass(frozen=True, slots=True)
class SnapshotCampaign:
    """A campaign without its plan, and the salts of its epoch."""

    campaign: Campaign
    traffic_salt: str = field(repr=False)
    variants_salt: str = field(repr=False)
    identity_policy: IdentityPolicy = IdentityPolicy.FIRST_SEEN


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The campaigns that are or were running, and the salts of layers and the holdout."""

    etag: str = ""
    create_time: datetime | None = None
    campaigns: tuple[SnapshotCampaign, ...] = ()
    layer_salts: Mapping[str, str] = field(default_factory=dict, repr=False)
    holdout_bps: int = 0
    holdout_salt: str = field(default="", repr=False)
    # Campaigns that could not be read, by id with the cause, such as a condition of a newer server.
    unreadable: Mapping[str, str] = field(default_factory=dict)

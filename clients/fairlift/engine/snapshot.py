"""All that deciding needs, as the server publishes it and an SDK holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fairlift.engine.campaign import Campaign


@dataclass(frozen=True, slots=True)
class SnapshotCampaign:
    """A campaign without its plan, and the salts of its epoch: one for each use of chance."""

    campaign: Campaign
    traffic_salt: str
    variants_salt: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The campaigns that are or were running, by id; layers and the holdout with their salts."""

    etag: str = ""
    create_time: datetime | None = None
    campaigns: tuple[SnapshotCampaign, ...] = ()
    layer_salts: Mapping[str, str] = field(default_factory=dict)
    holdout_bps: int = 0
    holdout_salt: str = ""

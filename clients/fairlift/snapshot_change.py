"""What a client is told when its decisions change, and which campaigns that is about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fairlift.engine.equality import is_same
from fairlift.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class SnapshotChange:
    """What is new: campaigns, or what the client knows of the server."""

    # Ids of those that came, went or are different; empty when it is about the server alone.
    campaigns: frozenset[str]
    # Of the snapshot in use; empty before the first.
    etag: str
    # Whether the server has been silent for too long.
    is_stale: bool
    # Why the server gives this client no snapshots, such as a token that ended; else empty.
    refusal: str


Listener: TypeAlias = Callable[[SnapshotChange], None]


def changed_campaigns(before: Snapshot, now: Snapshot) -> frozenset[str]:
    """Ids of the campaigns that the two snapshots do not have in common."""
    old, new = _by_id(before), _by_id(now)
    names = old.keys() | new.keys()
    return frozenset(name for name in names if not is_same(old.get(name), new.get(name)))


def _by_id(snapshot: Snapshot) -> Mapping[str, object]:
    """All that the decisions on each campaign depend on."""
    holdout = (snapshot.holdout_bps, snapshot.holdout_salt)
    parts: dict[str, object] = {}
    for salted in snapshot.campaigns:
        layer = salted.campaign.layer
        salt = snapshot.layer_salts.get(layer.layer) if layer else None
        parts[salted.campaign.id] = (salted, salt, holdout)
    return parts | dict(snapshot.unreadable)

"""The change that a client's listeners receive, and the campaigns that differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fairlift.engine.equality import is_same
from fairlift.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class SnapshotChange:
    """A change of campaigns, or of the connection to the server."""

    # Ids of added, removed and changed campaigns; empty when only the connection changed.
    campaigns: frozenset[str]
    # The etag of the snapshot in use; empty before the first.
    etag: str
    # Whether the server was silent for longer than `stale_after_s`.
    is_stale: bool
    # Why the server refuses this client, such as an expired token; else empty.
    refusal: str


Listener: TypeAlias = Callable[[SnapshotChange], None]


def changed_campaigns(old_snapshot: Snapshot, new_snapshot: Snapshot) -> frozenset[str]:
    """Ids of the campaigns that differ between the two snapshots."""
    old, new = _by_id(old_snapshot), _by_id(new_snapshot)
    names = old.keys() | new.keys()
    return frozenset(name for name in names if not is_same(old.get(name), new.get(name)))


def _by_id(snapshot: Snapshot) -> Mapping[str, object]:
    """Everything that decides a campaign's assignments, by campaign id."""
    holdout = (snapshot.holdout_bps, snapshot.holdout_salt)
    parts: dict[str, object] = {}
    for salted in snapshot.campaigns:
        layer = salted.campaign.layer
        salt = snapshot.layer_salts.get(layer.layer) if layer else None
        parts[salted.campaign.id] = (salted, salt, holdout)
    return parts | dict(snapshot.unreadable)

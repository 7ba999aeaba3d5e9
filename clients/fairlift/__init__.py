"""The SDK of Fairlift: assigns variants to visitors, and records what they do.

    from fairlift import Client

    client = Client("fairlift.example:443", token="…")
    assignment = client.assign("free-shipping", visitor_id, {"country": "ES"}, expose=True)

Names are imported at their first use, so that `fairlift.engine` stays free of gRPC.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlift.client import Client
    from fairlift.client_stats import ClientStats
    from fairlift.engine.assignment import Assignment, Reason
    from fairlift.engine.bots import BotRules
    from fairlift.engine.errors import FairliftError
    from fairlift.engine.measure import LineKind
    from fairlift.event_messages import Cancellation, Correction, OrderLine, Refund, Reopening
    from fairlift.event_values import micros
    from fairlift.snapshot_change import SnapshotChange
    from fairlift.transport import Tls

_HOMES = {
    "Assignment": "fairlift.engine.assignment",
    "BotRules": "fairlift.engine.bots",
    "Cancellation": "fairlift.event_messages",
    "Correction": "fairlift.event_messages",
    "SnapshotChange": "fairlift.snapshot_change",
    "Client": "fairlift.client",
    "FairliftError": "fairlift.engine.errors",
    "LineKind": "fairlift.engine.measure",
    "OrderLine": "fairlift.event_messages",
    "Reason": "fairlift.engine.assignment",
    "Refund": "fairlift.event_messages",
    "Reopening": "fairlift.event_messages",
    "ClientStats": "fairlift.client_stats",
    "Tls": "fairlift.transport",
    "micros": "fairlift.event_values",
}

__all__ = [
    "Assignment",
    "BotRules",
    "Cancellation",
    "Client",
    "ClientStats",
    "Correction",
    "FairliftError",
    "LineKind",
    "OrderLine",
    "Reason",
    "Refund",
    "Reopening",
    "SnapshotChange",
    "Tls",
    "micros",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'fairlift' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

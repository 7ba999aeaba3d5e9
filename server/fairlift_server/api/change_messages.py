"""Entries of the history, as messages."""

from fairlift.v1.campaign_service_pb2 import Change
from fairlift.wire.change import change_to
from fairlift.wire.values import time_to

from fairlift_server.store.history import HistoryEntry


def change_entry(entry: HistoryEntry) -> Change:
    """The entry as a message."""
    return Change(
        change_time=time_to(entry.time),
        author=entry.author.token,
        verb=entry.verb,
        epoch=entry.epoch,
        changes=map(change_to, entry.fields),
        reason=entry.reason,
        resource=entry.resource,
        user=entry.author.user,
        peer=entry.author.peer,
        number=entry.number,
        hash=entry.hash,
    )

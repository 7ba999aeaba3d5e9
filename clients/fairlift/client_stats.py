"""The statistics of a client: events, snapshot, errors."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader

from fairlift import assigner
from fairlift.local_snapshot import LocalSnapshot
from fairlift.process_state import ProcessState


@dataclass(frozen=True, slots=True)
class ClientStats:
    """Counts and states of a client in this process."""

    # The etag of the snapshot in use; empty before the first.
    etag: str
    # Seconds since the snapshot was published, and since the server's last message.
    snapshot_age_s: float | None
    silence_s: float | None
    waiting: int
    waiting_bytes: int
    # Refused for now: sent again later.
    postponed: int
    accepted: int
    # Durable at the server, which counts them when its clock, a campaign or a rate allows.
    parked: int
    duplicates: int
    retries: int
    # By the server's reason; `too_large` and `unsendable` were never sent.
    refused: Mapping[str, int]
    # Because the queue was full, or the client closed; by kind of event.
    dropped: Mapping[str, int]
    # Exposures that do not count, by the assignment's reason: bots, overrides, …
    not_counted: Mapping[str, int]
    errors: int
    # Why no snapshots arrive; else empty.
    problem: str
    # Whether decisions run in machine code, as in a wheel for this platform.
    is_compiled: bool


def stats_of(
    process: ProcessState,
    local: LocalSnapshot,
    *,
    not_counted: Mapping[str, int],
    errors: int,
) -> ClientStats:
    """The statistics of the client with these parts."""
    outbox, watch = process.outbox, process.watch
    compiled = local.current.compiled
    contact = watch.last_contact if watch is not None else None
    return ClientStats(
        etag=compiled.etag,
        snapshot_age_s=time.time() - compiled.snapshot_time if compiled.snapshot_time else None,
        silence_s=time.monotonic() - contact if contact is not None else None,
        waiting=outbox.waiting,
        waiting_bytes=outbox.waiting_bytes,
        postponed=outbox.postponed,
        accepted=outbox.accepted,
        parked=outbox.parked,
        duplicates=outbox.duplicates,
        retries=outbox.retries,
        refused=dict(outbox.refused),
        dropped=outbox.dropped,
        not_counted=not_counted,
        errors=errors,
        problem=watch.problem if watch is not None else "",
        is_compiled=is_compiled(),
    )


def is_compiled() -> bool:
    """Whether the code that runs for every visitor is compiled."""
    return isinstance(assigner.__spec__.loader, ExtensionFileLoader)

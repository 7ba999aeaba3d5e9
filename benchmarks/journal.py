"""The journal for a database that is away: events a second onto the disk and back, and memory.

The peer of writing is a plain file with the same bytes, synced as often. No gRPC: what callers
reach is bounded by reading their calls.
"""

import os
import random
import resource
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from fairlift_server.events.journal import MIB, Journal
from fairlift_server.events.journal_records import ReadEvent
from fairlift_server.events.ledger import Event, ExposureEntry

from benchmarks.form import Measure, publish

EVENTS = 1_000_000
# What the queue hands over at once under load.
GROUP = 5_000
# As large as the message of an exposure with two attributes.
CONTENT = bytes(range(32, 127)) + bytes(range(50))


def groups() -> Iterator[list[ReadEvent]]:
    """Exposures as they are read from calls, with the message as it came."""
    segments = '{"browser":"firefox","country":"ES"}'
    for start in range(0, EVENTS, GROUP):
        group: list[ReadEvent] = []
        for number in range(start, start + GROUP):
            event_id = uuid.uuid4().bytes
            time_us = 1_796_000_000_000_000 + number
            visitor = f"visitor-{number}"
            entry = ExposureEntry(
                event_id, time_us, time_us, visitor, "free-shipping", 1, "control", segments
            )
            group.append(Event(event_id, random.randbytes(16), entry, CONTENT))
        yield group


def plainly_written(path: Path, data: bytes) -> float:
    """Seconds for as many bytes, in as many synced writes."""
    began_s = time.perf_counter()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    for _ in range(EVENTS // GROUP):
        os.write(descriptor, data)
        os.fsync(descriptor)
    os.close(descriptor)
    return time.perf_counter() - began_s


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder, "journal"), limit_bytes=4_096 * MIB)
        append_s, peak_kib = 0.0, []
        for group in groups():
            began_s = time.perf_counter()
            journal.append(group)
            append_s += time.perf_counter() - began_s
            peak_kib.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        size_bytes = journal.size_bytes
        plain_s = plainly_written(Path(folder, "plain"), bytes(size_bytes * GROUP // EVENTS))
        read, began_s = 0, time.perf_counter()
        while not journal.is_empty:
            file, records = journal.oldest()
            read += len(records.events)
            assert not records.damages
            journal.drained(file, records, [])
        read_s = time.perf_counter() - began_s
        peak_kib.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        journal.close()
    assert read == EVENTS
    publish(
        "journal",
        [
            Measure(
                "journal_append",
                EVENTS / append_s / 1_000,
                "k events/s",
                "a plain synced file",
                EVENTS / plain_s / 1_000,
                less_is_better=False,
            ),
            Measure("journal_read", EVENTS / read_s / 1_000, "k events/s", less_is_better=False),
            Measure("journal_event_bytes", size_bytes / EVENTS, "bytes"),
            # From the tenth part of the events on, writing and reading.
            Measure("journal_growth", (peak_kib[-1] - peak_kib[len(peak_kib) // 10]) / 1024, "MiB"),
        ],
    )


if __name__ == "__main__":
    main()

"""A journal that is cut off, or in which bits flip, before its server starts again.

What the damage did not touch must be stored, once; what it touched must be said.
"""

import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import grpc
from fairlift_server.events.journal_records import HEADER_BYTES, MARKER

from tests.e2e.test_server_process import start_campaign
from tests.faults.database_away import Callers, has_files, started, wait_until
from tests.faults.ledgers import Counts, OpenLedger, exposure_ids

# Damages the bytes of a file; returns them and the places that it touched.
Damage: TypeAlias = Callable[[bytearray, random.Random], range]
_FLIPS = 8


def cut_off(content: bytearray, chance: random.Random) -> range:
    """The end of a file is gone, such as half a record or many."""
    size = len(content)
    kept = size - chance.choice([1, chance.randrange(1, 400), chance.randrange(1, size)])
    del content[kept:]
    return range(kept, size)


def flipped(content: bytearray, chance: random.Random) -> range:
    """Some bits near each other are not what was written."""
    first = chance.randrange(len(content))
    touched = range(first, min(first + chance.choice([1, 40, 2_000]), len(content)))
    for _ in range(_FLIPS):
        content[chance.choice(touched)] ^= 1 << chance.randrange(8)
    return touched


def run(damage: Damage, *, open_ledger: OpenLedger, rounds: int) -> Counts:
    """The counts after so many journals that were damaged, each in one of its files."""
    chance = random.Random(4)
    callers, touched = Callers(), set[str]()
    said = 0
    with open_ledger() as ledger, tempfile.TemporaryDirectory() as name:
        for number in range(rounds):
            journal = Path(name, f"journal-{number}")
            with (
                started(ledger, journal) as (server, address),
                grpc.insecure_channel(address) as channel,
            ):
                if not number:
                    start_campaign(channel)
                with callers.sending(channel), ledger.away():
                    wait_until(lambda journal=journal: has_files(journal))  # type: ignore[misc]  # bound at once
                    time.sleep(chance.uniform(0.2, 0.6))
                    server.kill()
            acknowledged = {each for mine in callers.acknowledged for each in mine}
            path = chance.choice(sorted(journal.glob("*.journal")))
            before = path.read_bytes()
            content = bytearray(before)
            places = damage(content, chance)
            path.write_bytes(content)
            touched |= _events_at(before, places) & acknowledged
            log = Path(name, f"log-{number}")
            with log.open("w") as lines, started(ledger, journal, log=lines):
                wait_until(lambda journal=journal: not has_files(journal))  # type: ignore[misc]  # bound at once
            said += _said(log)
        stored = exposure_ids(ledger.url)
    gone = {each for mine in callers.acknowledged for each in mine} - set(stored)
    return {
        "journals": rounds,
        "acknowledged": callers.count,
        "touched": len(touched),
        "touched and gone": len(gone & touched),
        "said to be lost": said,
        "lost": len(gone - touched),
        "doubled": len(stored) - len(set(stored)),
        "wrong": callers.wrong,
    }


def _events_at(content: bytes, places: range) -> set[str]:
    """The ids of the events whose records lie in these places, as hex."""
    touched, at = set(), 0
    for record in content.split(MARKER)[1:]:
        size = len(MARKER) + len(record)
        if at < places.stop and places.start < at + size:
            _kind, event_id, *_ = json.loads(record[HEADER_BYTES - len(MARKER) :])
            touched.add(event_id["b"].encode("latin-1").hex())
        at += size
    return touched


def _said(log: Path) -> int:
    """How many events the log says are lost."""
    lines = map(json.loads, log.read_text().splitlines())
    return sum(line["lost_events"] for line in lines if line["message"] == "the journal is damaged")

"""A server that is killed while it erases a person whose events go on coming in.

Either all of the person is there or nothing, and the tombstone is on disk before anything goes.
"""

import random
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import grpc
from fairlift.v1 import admin_service_pb2 as admin_pb
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub

from tests.databases import rows
from tests.e2e.test_server_process import PATIENCE_S, process, statuses
from tests.faults.ledgers import KEY, Counts, Ledger, OpenLedger, sqlite_ledger
from tests.server import shop

# Raw ids: the check reads the tables by itself.
_RAW = "yes"
_NAMING = (
    ("actions", "unit"),
    ("orders", "unit"),
    ("identity_links", "visitor"),
    ("identity_links", "customer"),
)


def run(*, rounds: int, events: int = 3_000, open_ledger: OpenLedger = sqlite_ledger) -> Counts:
    """The counts at the end.

    Args:
        rounds: persons, each erased once with a kill and once without.
        events: of each before it is erased.
        open_ledger: the database.
    """
    counts: Counts = dict.fromkeys(("erased", "kept", "half", "early", "resurrected", "lost"), 0)
    with open_ledger() as ledger:
        others: list[pb.Event] = []
        takes_s = 0.2
        for number in range(rounds):
            person = _Person(f"p{number}")
            with (
                _served(ledger) as (server, address),
                grpc.insecure_channel(address) as channel,
            ):
                person.send(channel, events)
                bystanders = [shop.action(f"other-{number}-{n}", "view") for n in range(300)]
                statuses(channel, bystanders)
                others += bystanders
                senders = [
                    threading.Thread(target=person.send_on, args=(address,)) for _ in range(2)
                ]
                for sender in senders:
                    sender.start()
                time.sleep(0.05)
                erasing = _begun(channel, person.ids[1])
                # Some kills come before it, some in it, some after it: as long as one took.
                time.sleep(random.uniform(0, 1.5 * takes_s))
                server.kill()
                person.stop.set()
                for sender in senders:
                    sender.join()
                with suppress(grpc.RpcError):
                    erasing.result()
            _wait_until_ended(ledger)
            _check_killed(ledger, person, counts)
            with (
                _served(ledger) as (_, address),
                grpc.insecure_channel(address) as channel,
            ):
                is_there, start = person.rows(ledger) > 0, time.monotonic()
                _begun(channel, person.ids[0]).result()
                if is_there:
                    takes_s = time.monotonic() - start
                again = statuses(channel, person.sent[:500])
                counts["resurrected"] += len(again) - again.count(pb.EVENT_STATUS_REFUSED)
                counts["resurrected"] += person.rows(ledger)
        with (
            _served(ledger) as (_, address),
            grpc.insecure_channel(address) as channel,
        ):
            for first in range(0, len(others), 1_000):
                found = statuses(channel, others[first : first + 1_000])
                counts["lost"] += len(found) - found.count(pb.EVENT_STATUS_DUPLICATE)
    return counts


class _Person:
    """Two ids that are linked, and their events."""

    def __init__(self, name: str) -> None:
        self.ids = (f"{name}-visitor", f"{name}-customer")
        self.sent: list[pb.Event] = []
        self.acknowledged = 0
        self.stop = threading.Event()

    def send(self, channel: grpc.Channel, events: int) -> None:
        self._record(channel, [shop.identity(*self.ids)])
        for _ in range(events // 500):
            self._record(channel, self._some(500))

    def send_on(self, address: str) -> None:
        with grpc.insecure_channel(address) as channel, suppress(grpc.RpcError):
            while not self.stop.is_set():
                self._record(channel, self._some(50))

    def rows(self, ledger: Ledger) -> int:
        """How many rows name the person."""
        return sum(
            rows(ledger.url, f"SELECT count(*) FROM {table} WHERE {column} IN (?, ?)", self.ids)[0][
                0
            ]
            for table, column in _NAMING
        )

    def _some(self, count: int) -> list[pb.Event]:
        orders = count // 5
        unit = random.choice(self.ids)
        return [
            *(shop.action(unit, "view") for _ in range(count - orders)),
            *(shop.order(unit, shop.event_id()) for _ in range(orders)),
        ]

    def _record(self, channel: grpc.Channel, batch: Sequence[pb.Event]) -> None:
        self.sent += batch
        self.acknowledged += statuses(channel, list(batch)).count(pb.EVENT_STATUS_ACCEPTED)


def _begun(channel: grpc.Channel, unit: str) -> "grpc.Future[admin_pb.EraseUnitResponse]":
    stub: AdminServiceStub = AdminServiceStub(channel)
    return stub.EraseUnit.future(admin_pb.EraseUnitRequest(unit_id=unit), timeout=PATIENCE_S)


def _served(ledger: Ledger) -> AbstractContextManager[tuple["subprocess.Popen[str]", str]]:
    settings = {name: value for name, value in ledger.settings.items() if name not in KEY}
    return process(Path(), log=None, **settings, FAIRLIFT_RAW_IDS=_RAW)


def _wait_until_ended(ledger: Ledger) -> None:
    """Returns when the database does nothing any more for the server that was killed."""
    while ledger.is_used():
        time.sleep(0.02)


def _check_killed(ledger: Ledger, person: _Person, counts: Counts) -> None:
    """What is on disk after the kill, before another server starts."""
    there = person.rows(ledger)
    requests = rows(ledger.url, "SELECT count(*) FROM changes WHERE resource = 'units'")[0][0]
    tombstones = {row[0] for row in rows(ledger.url, "SELECT hash FROM erased_units")}
    noted = ledger.erased.read_text() if ledger.erased.exists() else ""
    if not there:
        counts["erased"] += 1
        counts["early"] += not requests or any(each not in noted for each in tombstones)
    else:
        counts["kept"] += 1
        # The link names two; one event that was stored may be without an acknowledgement.
        counts["half"] += there < person.acknowledged + 1

"""A database that cannot be written, while callers go on sending: nothing acknowledged is lost.

Each fault is made, waited for until health reports it, and mended; the end is a count.
"""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc
from fairlift.v1 import event_service_pb2
from fairlift.v1.event_service_pb2 import EVENT_STATUS_ACCEPTED, EVENT_STATUS_DUPLICATE
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.test_server_process import PATIENCE_S, process, start_campaign, statuses
from tests.server import shop

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# Waits are for the server, not for the clock; this only ends a test whose server hangs.
_LIMIT_S = 4 * PATIENCE_S
_EVENTS = 500

# Breaks something of the server with this process id and database, and mends it at the end.
Fault = Callable[[int, Path], AbstractContextManager[None]]


@contextmanager
def broken_table(_pid: int, database: Path) -> Iterator[None]:
    """The table of exposures has another name meanwhile."""
    _run(database, "ALTER TABLE exposures RENAME TO elsewhere")
    yield
    _run(database, "ALTER TABLE elsewhere RENAME TO exposures")


@contextmanager
def full_disk(pid: int, database: Path) -> Iterator[None]:
    """No file of the server may grow, as when the disk is full."""
    wal = database.with_name(database.name + "-wal")
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, limits[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def run(folder: Path, fault: Fault, log: Path) -> dict[str, int]:
    """What became of the events: acknowledged, refused while broken, lost, doubled.

    Args:
        folder: for the database.
        fault: what breaks.
        log: file for what the server logs.
    """
    acknowledged: list[event_service_pb2.Event] = []
    failed = 0
    with (
        log.open("w") as written,
        process(folder, log=written) as (server, address),
        grpc.insecure_channel(address) as channel,
    ):
        start_campaign(channel)
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=_LIMIT_S)  # type: ignore[attr-defined]  # missing from its stubs
        assert next(watch).status == SERVING
        acknowledged += _sent(channel)
        with fault(server.pid, folder / "shop.db"):
            while not (refused := _refused(channel)):
                pass
            failed += refused
            assert next(watch).status == NOT_SERVING
        assert next(watch).status == SERVING
        acknowledged += _sent(channel)
        found = statuses(channel, acknowledged)
    return {
        "acknowledged": len(acknowledged),
        "refused": failed,
        "lost": len(found) - found.count(EVENT_STATUS_DUPLICATE),
        "doubled": _rows(folder / "shop.db") - len(acknowledged),
    }


def _sent(channel: grpc.Channel) -> list[event_service_pb2.Event]:
    batch = [shop.exposure(f"v-{number}") for number in range(_EVENTS)]
    assert set(statuses(channel, batch)) == {EVENT_STATUS_ACCEPTED}
    return batch


def _refused(channel: grpc.Channel) -> int:
    batch = [shop.exposure(f"w-{number}") for number in range(_EVENTS)]
    try:
        statuses(channel, batch)
    except grpc.RpcError as error:
        return len(batch) if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else 0
    return 0


def _run(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database, timeout=PATIENCE_S)
    connection.execute(statement)
    connection.commit()
    connection.close()


def _rows(database: Path) -> int:
    connection = sqlite3.connect(database)
    (rows,) = connection.execute("SELECT count(*) FROM exposures").fetchone()
    connection.close()
    return int(rows)

"""The same events and the same orders through several servers at once."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import grpc
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

from tests.databases import rows
from tests.faults.ledgers import Counts, OpenLedger
from tests.faults.servers import Server, servers_on
from tests.server import shop

_TABLES = ("exposures", "orders", "order_lines", "amendments", "actions", "identity_links")


def repeated(*, open_ledger: OpenLedger, servers: int, times: int) -> Counts:
    """Events of all kinds that many send at once, in other orders; each counts once."""
    people = [f"v-{number}" for number in range(40)]
    events = [
        event
        for unit in people
        for event in (
            shop.exposure(unit),
            shop.order(unit, f"o-{unit}"),
            shop.refund(f"o-{unit}", 1.0),
            shop.action(unit, "view"),
            shop.identity(unit, f"c-{unit}"),
        )
    ]
    answers, asked_again = Counter[int](), Counter[str]()
    with open_ledger() as ledger, servers_on(ledger.url, servers) as running:

        def send(server: Server, turn: int) -> None:
            batch = random.Random(turn).sample(events, len(events))
            while (outcomes := _recorded(server, batch)) is None:
                asked_again["calls"] += 1
                time.sleep(0.05)
            answers.update(outcome.status for outcome in outcomes)

        _at_once(8, [(running[turn % servers], turn) for turn in range(times)], send)
        stored = [rows(ledger.url, f"SELECT count(*) FROM {table}")[0][0] for table in _TABLES]
        wrong = rows(ledger.url, "SELECT count(*) FROM orders WHERE refunded_micros <> 1000000")
    accepted, known = answers[pb.EVENT_STATUS_ACCEPTED], answers[pb.EVENT_STATUS_DUPLICATE]
    return {
        "sent": times * len(events),
        "calls asked to come later": asked_again["calls"],
        "accepted": accepted,
        "lost": sum(max(0, len(people) - count) for count in stored),
        "doubled": sum(max(0, count - len(people)) for count in stored)
        + abs(accepted - len(events)),
        "wrong": wrong[0][0] + times * len(events) - accepted - known,
    }


def amended_at_once(*, open_ledger: OpenLedger, servers: int, rounds: int) -> Counts:
    """Servers amend the same orders, each call in an order of its own."""
    with open_ledger() as ledger, servers_on(ledger.url, servers) as running:
        orders = [f"o-{number}" for number in range(60)]
        _recorded(running[0], [shop.order(f"v-{o}", o, shop.line(1_000.0)) for o in orders])
        failed = Counter[str]()

        def amend(server: Server, turn: int) -> None:
            shuffled = random.Random(turn).sample(orders, len(orders))
            if _recorded(server, [shop.refund(order, 1.0) for order in shuffled]) is None:
                failed["calls"] += 1

        _at_once(6, [(running[turn % servers], turn) for turn in range(6 * rounds)], amend)
        refunds = rows(ledger.url, "SELECT refunded_micros FROM orders")
        expected = 6 * rounds * 1_000_000
        return {
            "amendments": 6 * rounds * len(orders),
            "deadlocks": _deadlocks(ledger.url),
            "calls failed": failed["calls"],
            "wrong": sum(refunded != expected for (refunded,) in refunds) + failed["calls"],
        }


def _at_once(
    threads: int, calls: list[tuple[Server, int]], call: Callable[[Server, int], None]
) -> None:
    def some(first: int) -> None:
        for server, turn in calls[first::threads]:
            call(server, turn)

    running = [threading.Thread(target=some, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def _recorded(server: Server, events: list[pb.Event]) -> list[pb.EventOutcome] | None:
    """What became of them; None: the call failed."""
    with grpc.insecure_channel(server.address) as channel:
        stub: EventServiceStub = EventServiceStub(channel)
        try:
            answer = stub.RecordEvents(pb.RecordEventsRequest(events=events), timeout=30)
        except grpc.RpcError:
            return None
        return list(answer.outcomes)


def _deadlocks(database: str) -> float:
    """How many PostgreSQL saw; SQLite has one writer."""
    if not database.startswith("postgresql://"):
        return 0
    seen = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return float(rows(database, seen)[0][0])

"""Two servers take events of somebody whom one of them erases: nothing stays."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
from fairlift.v1 import admin_service_pb2 as admin_pb
from fairlift.v1 import event_service_pb2 as pb
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.store.database import Store
from fairlift_server.store.erasure import Request
from fairlift_server.store.history import Author
from fairlift_server.store.unit_requests import UnitRequests

from tests.databases import new_database, rows
from tests.server import shop
from tests.server.client import Caller, running
from tests.server.privacy.stored import stored

TABLES = {
    "exposures": "unit",
    "actions": "unit",
    "orders": "unit",
    "identity_links": "visitor",
}


async def test_nothing_stays_of_a_unit_whose_events_two_servers_take(
    tmp_path: Path,
) -> None:
    database = new_database(str(tmp_path))
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(running(tmp_path, database=database)) for _ in range(2)
        ]
        await servers[0].start(shop.campaign())
        for number in range(3):
            unit = f"v-{number}"
            begun = asyncio.Event()
            sending = [asyncio.create_task(send(each, unit, begun)) for each in servers]
            await begun.wait()
            await asyncio.sleep(0.05 * number)
            request = admin_pb.EraseUnitRequest(unit_id=unit)
            answer = await servers[number % 2].admin.EraseUnit(request)
            # Each of them ends when its server refuses the unit.
            accepted = sum(await asyncio.gather(*sending))
            assert 0 < answer.erased_events <= accepted

            hashed = stored(tmp_path, unit)
            for table, column in TABLES.items():
                query = f"SELECT count(*) FROM {table} WHERE {column} = ?"
                assert rows(database, query, (hashed,)) == [(0,)], (table, number)
            lines = "SELECT count(*) FROM order_lines l LEFT JOIN orders o USING (order_id) "
            assert rows(database, f"{lines} WHERE o.id IS NULL") == [(0,)]


async def send(caller: Caller, unit: str, begun: asyncio.Event) -> int:
    """Sends events of a unit until they are refused; returns how many were accepted."""
    accepted = 0
    for number in range(10_000):
        order_id = f"{caller.address} {unit} {number}"
        outcomes = await caller.record(
            shop.exposure(unit),
            shop.action(unit, "view"),
            shop.order(unit, order_id, shop.line(10)),
            shop.identity(unit, f"c-{unit}"),
        )
        taken = [o for o in outcomes if o.status == pb.EVENT_STATUS_ACCEPTED]
        accepted += len(taken)
        begun.set()
        if not taken:
            return accepted
    raise AssertionError("the unit was never refused")


async def test_a_row_with_a_low_id_that_appears_after_the_search_goes_too(tmp_path: Path) -> None:
    # Given a transaction of another server that holds an id below those that the search sees
    store = Store(new_database(str(tmp_path)))
    store.migrate()
    columns = "event_id, time_us, received_us, unit, name"
    statement = f"INSERT INTO actions ({columns}) VALUES (%s, 1, 1, %s, 'v')"
    requests = UnitRequests(store, UnitIds(bytes(32), salt=b""), None)
    unit = UnitIds(bytes(32), salt=b"").stored("ana")
    with psycopg.connect(store.source) as late, psycopg.connect(store.source) as other:
        # As each group of events does.
        late.execute("SELECT max(id) FROM erased_units")
        late.execute(statement, (bytes(15) + b"1", unit))
        other.execute(statement, (bytes(15) + b"2", unit))
        other.commit()
        erasing = asyncio.create_task(requests.erase(["ana"], Request(1, Author())))
        await asyncio.sleep(0.5)
        late.commit()
        erased = await erasing
    left = rows(store.source, "SELECT count(*) FROM actions WHERE unit = ?", (unit,))
    store.close()

    assert (erased.events, left) == (2, [(0,)])

"""Erasing a visitor or customer: all that is kept of the person goes, and stays away."""

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as admin_pb
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event

from tests import databases
from tests.databases import ON_POSTGRES, database_in, sqlite_only
from tests.server import shop
from tests.server.client import Caller, running
from tests.server.privacy.stored import EVENT, stored

HOUR = timedelta(hours=1)
TABLES = (
    "exposures",
    "actions",
    "orders",
    "order_lines",
    "amendments",
    "identity_links",
    "parked_events",
    "seen_events",
)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    return databases.rows(database_in(folder), query)


def counts(folder: Path) -> dict[str, int]:
    """Rows by table, without those of nobody that keep a number."""
    return {
        table: int(
            str(
                rows(
                    folder,
                    f"SELECT count(*) FROM {table}"
                    + ("" if table == "order_lines" else f" WHERE {EVENT}"),
                )[0][0]
            )
        )
        for table in TABLES
    }


async def erase(caller: Caller, unit: str, reason: str = "") -> admin_pb.EraseUnitResponse:
    return await caller.admin.EraseUnit(admin_pb.EraseUnitRequest(unit_id=unit, reason=reason))


def of_person(unit: str, customer: str, tag: str) -> list[Event]:
    """One event of every kind of a person, and what became of the orders."""
    later = shop.now() + 2 * HOUR
    return [
        shop.exposure(unit),
        shop.action(unit, "view"),
        shop.order(unit, f"{tag}-1", shop.line(20), shop.line(30)),
        shop.refund(f"{tag}-1", 5),
        shop.order(customer, f"{tag}-2"),
        shop.cancellation(f"{tag}-2"),
        # It waits for its order, which is parked.
        shop.refund(f"{tag}-3", 1),
        shop.order(customer, f"{tag}-3", currency="USD"),
        shop.action(customer, "later", at=later),
        shop.refund(f"{tag}-1", 2, at=later),
        shop.identity(unit, customer),
    ]


@pytest.mark.parametrize("raw_ids", [False, True])
async def test_all_of_a_person_goes_and_nothing_of_others(tmp_path: Path, raw_ids: bool) -> None:
    async with running(tmp_path, raw_ids=raw_ids) as caller:
        await caller.start(shop.campaign())
        await caller.record(*of_person("other", "other-c", "b"))
        before = counts(tmp_path)
        await caller.record(*of_person("v", "c", "a"))
        both = counts(tmp_path)

        # By the customer, who is linked with the visitor.
        erased = await erase(caller, "c")
        after = counts(tmp_path)
        again = await erase(caller, "v")

    assert both == {table: 2 * number for table, number in before.items()}
    assert after == before
    assert (erased.erased_events, erased.erased_ids) == (11, 2)
    assert again.erased_events == 0


@pytest.mark.parametrize("raw_ids", [False, True])
async def test_what_comes_later_or_again_is_refused_for_good(tmp_path: Path, raw_ids: bool) -> None:
    events = of_person("v", "c", "a")
    async with running(tmp_path, raw_ids=raw_ids) as caller:
        await caller.start(shop.campaign())
        await caller.record(*events)
        await erase(caller, "v")
        again = await caller.record(*events)
        late = await caller.record(
            shop.action("v", "view"),
            shop.identity("new-phone", "c"),
            shop.correction("b-1", shop.order("c", "")),
            shop.exposure("v", campaign="campaigns/none"),
            shop.order("c", "b-2", currency="USD"),
            shop.refund("a-1", 1),
            shop.action("nobody", "view"),
        )
    async with running(tmp_path, raw_ids=raw_ids) as caller:
        after_restart = await caller.record(shop.action("c", "view"))

    refused = [*again, *late[:-1], *after_restart]
    assert {outcome.reason for outcome in refused} == {pb.REFUSAL_REASON_ERASED}
    assert {outcome.status for outcome in refused} == {pb.EVENT_STATUS_REFUSED}
    assert not any(outcome.retryable for outcome in refused)
    assert late[-1].status == pb.EVENT_STATUS_ACCEPTED
    left = counts(tmp_path)
    assert (left.pop("actions"), left.pop("seen_events"), sum(left.values())) == (1, 1, 0)


async def test_an_order_that_ever_named_the_person_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.accepted(
            [
                shop.order("erased", "was-theirs"),
                shop.correction("was-theirs", shop.order("other", "")),
                shop.order("other", "became-theirs"),
                shop.correction("became-theirs", shop.order("erased", "")),
                shop.order("other", "between"),
                shop.correction("between", shop.order("erased", "")),
                shop.correction("between", shop.order("other", "")),
                shop.correction("unknown", shop.order("erased", "")),
                shop.refund("unknown", 1),
                shop.order("other", "not-theirs"),
            ]
        )
        await erase(caller, "erased")

    left = rows(tmp_path, f"SELECT order_id FROM orders WHERE {EVENT}")
    assert left == [("not-theirs",)]
    assert rows(tmp_path, f"SELECT count(*) FROM amendments WHERE {EVENT}") == [(0,)]


async def test_persons_of_random_links_go_whole(tmp_path: Path) -> None:
    rng = random.Random(13)
    units = [f"u{number}" for number in range(60)]
    links = [tuple(rng.sample(units, 2)) for _ in range(24)]
    events = [shop.identity(*link) for link in links]
    events += [shop.action(rng.choice(units), "view") for _ in range(200)]
    events += [shop.order(rng.choice(units), f"o-{number}") for number in range(100)]
    rng.shuffle(events)
    async with running(tmp_path, raw_ids=True) as caller:
        await caller.accepted(events)
        gone: set[str] = set()
        for unit in rng.sample(units, 12):
            person = _person(unit, links)
            erased = await erase(caller, unit)
            assert erased.erased_ids == (1 if unit in gone else len(person))
            gone |= person
            left = Counter(unit for (unit,) in _units_left(tmp_path))
            expected = Counter(
                named for event in events for named in _units(event) if named not in gone
            )
            assert left == expected
        assert 12 < len(gone) < len(units)


@sqlite_only
async def test_numbers_of_rows_are_not_used_again_and_events_stay_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("a", "view"), shop.action("b", "view")])
        newest = rows(tmp_path, "SELECT max(id) FROM actions")
        await erase(caller, "b")
        await caller.accepted([shop.action("c", "view")])

    assert rows(tmp_path, f"SELECT id FROM actions WHERE unit = '{stored(tmp_path, 'c')}'") == [
        (newest[0][0] + 1,)  # type: ignore[operator]  # a number
    ]
    assert rows(tmp_path, "SELECT events FROM ledger_state") == [(3,)]


async def test_a_request_is_recorded_without_the_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, raw_ids=True) as caller:
        await caller.accepted([shop.action("ana@example.com", "view")])
        await erase(caller, "ana@example.com", "letter of 3 May")
        request = admin_pb.ExportUnitRequest(unit_id="ana@example.com")
        async for _page in caller.admin.ExportUnit(request):
            pass

    query = "SELECT resource, verb, author, reason, fields FROM changes ORDER BY number"
    found = rows(tmp_path, query)
    assert [row[:4] for row in found] == [
        ("units", "erase", "", "letter of 3 May"),
        ("units", "export", "", ""),
    ]
    erased = {
        each["field"]: (each["before"], each["after"]) for each in json.loads(str(found[0][4]))
    }
    assert (erased["ids"], erased["actions"]) == (("1", "0"), ("1", "0"))
    if not ON_POSTGRES:
        assert b"ana@" not in (tmp_path / "shop.db").read_bytes()
    lines = [record for record in caplog.records if record.name == "fairlift.privacy"]
    assert [line.getMessage() for line in lines] == ["a unit was erased", "a unit was exported"]
    assert not any("ana@" in str(vars(line)) for line in lines)


@sqlite_only
async def test_an_erased_raw_id_is_in_no_file(tmp_path: Path) -> None:
    planted = "planted.ana@secret.example"
    async with running(tmp_path, raw_ids=True) as caller:
        await caller.start(shop.campaign())
        others = [shop.order(f"other-{number}", f"b-{number}") for number in range(2_000)]
        await caller.accepted(others[:1_000])
        await caller.record(*of_person(planted, f"{planted}.c", "a"))
        await caller.accepted(others[1_000:])
        held = _files_with(tmp_path, b"planted.ana")
        await erase(caller, planted)

        assert held != []
        assert _files_with(tmp_path, b"planted.ana") == []

    assert _files_with(tmp_path, b"planted.ana") == []


@sqlite_only
async def test_a_long_reader_delays_neither_events_nor_for_ever_the_end_of_the_log(
    tmp_path: Path,
) -> None:
    planted = "planted.ana@secret.example"
    async with running(tmp_path, raw_ids=True) as caller:
        await caller.accepted([shop.action(planted, "view")])
        with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM actions").fetchone()
            await erase(caller, planted)
            started = time.monotonic()
            for _ in range(20):
                await caller.accepted([shop.action("other", "view")])
            waited_s = time.monotonic() - started
            held = _files_with(tmp_path, b"planted.ana")
            reader.execute("COMMIT")
        async with asyncio.timeout(20):
            while _files_with(tmp_path, b"planted.ana"):
                await asyncio.sleep(0.1)

    assert held != []
    assert waited_s < 4.0


async def test_an_id_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        for unit in ("", "x" * 2_000, "a\x07b"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await erase(caller, unit)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_file_that_cannot_be_written_erases_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await caller.accepted([shop.action("v", "view")])
        (tmp_path / "shop.db.erased").mkdir()
        with pytest.raises(grpc.aio.AioRpcError, match="nothing was erased"):
            await erase(caller, "v")
        (tmp_path / "shop.db.erased").rmdir()

        assert counts(tmp_path)["actions"] == 1
        assert (await erase(caller, "v")).erased_events == 1


def _person(unit: str, links: Iterable[tuple[str, ...]]) -> set[str]:
    """By growing until nothing is added: the definition, not the product's search."""
    person = {unit}
    while True:
        grown = person.union(*(link for link in links if person.intersection(link)))
        if grown == person:
            return person
        person = grown


def _units(event: Event) -> list[str]:
    match event.WhichOneof("kind"):
        case "identity":
            return [event.identity.visitor_id, event.identity.customer_id]
        case "action":
            return [event.action.unit_id]
        case _:
            return [event.order.unit_id]


def _units_left(folder: Path) -> list[tuple[object, ...]]:
    named = (
        ("actions", "unit"),
        ("orders", "unit"),
        ("identity_links", "visitor"),
        ("identity_links", "customer"),
    )
    return [
        row
        for table, column in named
        for row in rows(folder, f"SELECT {column} FROM {table} WHERE {EVENT}")
    ]


def _files_with(folder: Path, needle: bytes) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if needle in path.read_bytes()]

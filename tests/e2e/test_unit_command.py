"""fairlift-server unit: through a running server, or on the database when none runs."""

import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from fairlift import Client
from fairlift.v1 import event_service_pb2

from tests.e2e.test_server_process import SERVER, process, statuses
from tests.server import shop
from tests.server.privacy.stored import stored

AT = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)


def unit(
    folder: Path, *arguments: str, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVER, "unit", *arguments],
        env={**os.environ, "FAIRLIFT_DATABASE": str(folder / "shop.db"), **environment},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
    )


def fill(address: str) -> None:
    events = [
        shop.action("v", "nps", 9, at=AT),
        shop.order("v", "a-1", shop.line(24.95, quantity=2, cost=8), at=AT, discount=4.9),
        shop.refund("a-1", 10.01, at=AT + timedelta(days=1)),
        shop.correction("a-1", shop.order("c", "", shop.line(20)), at=AT + timedelta(days=2)),
        shop.identity("v", "c", at=AT),
        shop.action("c", "waits", at=shop.now() + timedelta(hours=2)),
        shop.action("other", "view", at=AT),
    ]
    with grpc.insecure_channel(address) as channel:
        found = statuses(channel, events)
    assert event_service_pb2.EVENT_STATUS_REFUSED not in found


def plant_copy(folder: Path) -> Path:
    """Where looks keep their copy of the database, with a file in it."""
    copy = folder / "shop.db.analysis" / "copy"
    copy.mkdir(parents=True)
    (copy / "0-rows.duckdb").write_text("v and c")
    return copy


def check_export(folder: Path, text: str) -> None:
    found = json.loads(text)
    v, c = stored(folder, "v"), stored(folder, "c")
    assert found["counts"] == {
        "exposures": 0,
        "actions": 1,
        "orders": 1,
        "amendments": 2,
        "identity_links": 1,
        "customer_attributes": 0,
        "waiting_events": 1,
    }
    (action,) = found["actions"]
    assert (action["unit_id"], action["value"], action["event_time"]) == (
        v,
        9.0,
        "2026-11-03T12:30:00Z",
    )
    (order,) = found["orders"]
    assert (order["order_id"], order["unit_id"], order["discount"]) == ("a-1", v, "4.9")
    assert order["lines"] == [
        {
            "product_id": "shoe",
            "quantity": 2,
            "unit_price": "24.95",
            "unit_cost": "8",
            "kind": "LINE_KIND_REGULAR",
        }
    ]
    refund, correction = found["amendments"]
    assert (refund["refund"]["goods"], refund["event_time"]) == ("10.01", "2026-11-04T12:30:00Z")
    assert correction["correction"]["unit_id"] == c
    assert correction["correction"]["lines"][0]["unit_price"] == "20"
    (link,) = found["identity_links"]
    assert (link["visitor_id"], link["customer_id"]) == (v, c)
    (waiting,) = found["waiting_events"]
    assert (waiting["kind"], waiting["name"], waiting["unit_id"]) == ("action", "waits", c)


def test_the_command_asks_the_server_that_uses_the_database(tmp_path: Path) -> None:
    port = 50_000 + os.getpid() % 9_000
    listen = {"FAIRLIFT_LISTEN": f"127.0.0.1:{port}", "FAIRLIFT_TOKEN": "s3cret"}
    with process(tmp_path, FAIRLIFT_LISTEN=listen["FAIRLIFT_LISTEN"]) as (_, address):
        fill(address)
        copy = plant_copy(tmp_path)
        exported = unit(tmp_path, "export", "c", **listen)
        erased = unit(tmp_path, "erase", "c", "nobody", **listen)
        nothing = unit(tmp_path, "export", "v", **listen)
        elsewhere = unit(tmp_path, "erase", "v", FAIRLIFT_LISTEN="127.0.0.1:0")

    check_export(tmp_path, exported.stdout)
    assert erased.stdout == (
        "erased 1 of 2: 6 events of 2 linked ids\n"
        "erased 2 of 2: nothing was kept about it; is it written as the shop sends it?\n"
    )
    assert set(json.loads(nothing.stdout)["counts"].values()) == {0}
    assert [*copy.iterdir()] == []
    assert elsewhere.returncode == 1
    assert "--server HOST:PORT" in elsewhere.stderr


def test_the_command_works_on_the_database_when_no_server_runs(tmp_path: Path) -> None:
    with process(tmp_path) as (_, address):
        fill(address)
        time.sleep(0.1)

    copy = plant_copy(tmp_path)
    exported = unit(tmp_path, "export", "v")
    erased = unit(tmp_path, "erase", "-", "--reason", "asked", typed="v\nc\n")
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        again = statuses(channel, [shop.action("v", "view"), shop.action("c", "view")])

    check_export(tmp_path, exported.stdout)
    assert erased.stdout.splitlines()[0] == "erased 1 of 2: 6 events of 2 linked ids"
    assert [*copy.iterdir()] == []
    assert again == [event_service_pb2.EVENT_STATUS_REFUSED] * 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("erase", "a\x07b"), "control character"),
        (("erase", ""), "must have 1 to"),
        (("export", "v", "--server", "127.0.0.1:1"), "give the server's address"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    with process(tmp_path):
        pass

    failed = unit(tmp_path, *arguments)

    assert failed.returncode == 1
    assert says in failed.stderr
    assert "Traceback" not in failed.stderr


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    failed = unit(tmp_path, "erase", "v")

    assert "there is no database at" in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_sdk_sends_events_of_an_erased_person_once(tmp_path: Path) -> None:
    with process(tmp_path) as (_, address), Client(address) as client:
        client.action("v", "view")
        client.flush(30)
        erased = unit(tmp_path, "erase", "v", "--server", address)
        client.action("v", "view")
        client.action("other", "view")
        client.flush(30)
        stats = client.stats()

    assert erased.returncode == 0, erased.stderr
    assert (stats.accepted, dict(stats.refused)) == (2, {"erased": 1})
    assert (stats.waiting, stats.postponed) == (0, 0)

"""Exports hold what is known of customers, and lose it when they are erased."""

import json
from pathlib import Path

from fairlift_server.lake.export import export_ledger
from fairlift_server.store.database import Store
from fairlift_server.store.erasure import Request
from fairlift_server.store.erasure import erase as erase_rows
from fairlift_server.store.history import Author
from fairlift_server.store.stored_ids import IdSettings

from tests.databases import sqlite_only
from tests.server.importing.customer_files import customers_imported
from tests.server.lake.lake_reading import lake_rows

pytestmark = sqlite_only


def labels(lake: Path) -> list[tuple[str, str]]:
    return sorted((row[-3], row[-1]) for row in lake_rows(lake, "customer_attributes"))


def test_exports_follow_what_is_imported_and_erased(tmp_path: Path) -> None:
    database, lake = tmp_path / "shop.db", tmp_path / "lake"
    store = Store(database)
    store.migrate()
    settings = IdSettings(raw=True)
    ids = store.write_now(lambda transaction: settings.settled(transaction, "shop"))
    store.close()
    customers_imported(str(database), tmp_path, "a,2026-01-01,gold,", "b,2026-01-01,tin,")
    export_ledger(str(database), lake)
    customers_imported(str(database), tmp_path, "a,2026-02-01,tin,")
    export_ledger(str(database), lake)
    assert labels(lake) == [("a", "gold"), ("a", "tin"), ("b", "tin")]

    store = Store(database)
    store.write_now(lambda t: erase_rows(t, ["a"], ids, None, Request(1, Author())))
    store.close()
    export_ledger(str(database), lake)

    assert [row for row in labels(lake) if row[0]] == [("b", "tin")]
    assert b"gold" not in b"".join(path.read_bytes() for path in lake.rglob("*.parquet"))


def test_an_export_from_before_goes_on(tmp_path: Path) -> None:
    database, lake = tmp_path / "shop.db", tmp_path / "lake"
    Store(database).close()
    customers_imported(str(database), tmp_path, "a,2026-01-01,gold,")
    export_ledger(str(database), lake)
    path = lake / "manifest.json"
    found = json.loads(path.read_text())
    found["files"] = [file for file in found["files"] if file["table"] != "customer_attributes"]
    del found["watermark"]["customer_attributes"]
    path.write_text(json.dumps(found))

    assert export_ledger(str(database), lake).rows == {"customer_attributes": 1}
    assert labels(lake) == [("a", "gold")]

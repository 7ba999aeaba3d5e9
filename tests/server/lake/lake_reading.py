"""Exports made by processes that may be killed, and what a reader finds in them."""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from fairlift_server.lake.tables import TABLES

from tests.databases import rows

# One row for what changes: the last version of it. Lines belong to a version of their order.
VERSIONED = {
    "orders": "order_id",
    "order_lines": "order_id",
    "amendments": "event_id",
    "costs": "event_id",
}
_EXPORT = """
import os, signal, sys
from pathlib import Path
from fairlift_server.lake import export, folder

left = int(sys.argv[4])

def counted(function):
    def calling(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return calling

# Between any two steps that change the folder.
folder.sync, folder.put = counted(folder.sync), counted(folder.put)
Path.rename, Path.unlink, Path.mkdir = map(counted, (Path.rename, Path.unlink, Path.mkdir))
print("ready", flush=True)
try:
    made = export.export_ledger(sys.argv[1], Path(sys.argv[2]), step_rows=int(sys.argv[3]))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
print(sum(made.rows.values()), made.rewritten)
"""


def begun(
    database: str, lake: Path, *, step_rows: int = 1_000_000, kill_at: int = 0
) -> subprocess.Popen[str]:
    """An export, about to begin; it kills itself before its nth change of the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _EXPORT, database, str(lake), str(step_rows), str(kill_at)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def exported(database: str, lake: Path, *, step_rows: int = 1_000_000) -> tuple[int, int]:
    """How many rows an export wrote, and how many files it wrote again."""
    out, errors = (process := begun(database, lake, step_rows=step_rows)).communicate(timeout=120)
    assert process.returncode == 0, errors
    rows, rewritten = map(int, out.split())
    return rows, rewritten


def refused(database: str, lake: Path) -> str:
    out, errors = (process := begun(database, lake)).communicate(timeout=120)
    assert process.returncode == 1, out
    return errors.strip()


def killed(database: str, lake: Path, rng: random.Random, *, step_rows: int) -> bool:
    """Whether an export was killed, at some moment, before it came to its end."""
    kill_at = rng.choice([0, rng.randrange(1, 60)])
    process = begun(database, lake, step_rows=step_rows, kill_at=kill_at)
    if not kill_at:
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def manifest(lake: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((lake / "manifest.json").read_text())
    return found


def lake_rows(lake: Path, table: str) -> Counter[tuple[Any, ...]]:
    """The rows of a table that count, from the files that the manifest names."""
    paths = [str(lake / file["path"]) for file in manifest(lake)["files"] if file["table"] == table]
    if not paths:
        return Counter()
    last = ""
    if key := VERSIONED.get(table):
        last = f" QUALIFY rank() OVER (PARTITION BY {key} ORDER BY version DESC) = 1"
    columns = ", ".join(TABLES[table].columns)
    with closing(duckdb.connect()) as connection:
        found = connection.execute(f"SELECT {columns} FROM read_parquet($1){last}", [paths])
        return Counter(found.fetchall())


def ledger_rows(database: str, table: str) -> Counter[tuple[Any, ...]]:
    """The rows of a table in the ledger, in the types of the lake."""
    kinds = TABLES[table].columns
    # Empty rows stand in for erased newest ones.
    events = f" WHERE event_id <> {_no_event(database)}" if "event_id" in kinds else ""
    found = rows(database, f"SELECT {', '.join(kinds)} FROM {table}{events}")
    return Counter(
        tuple(_typed(kind, value) for kind, value in zip(kinds.values(), row, strict=True))
        for row in found
    )


def _no_event(database: str) -> str:
    zeros = "00" * 16
    return f"'\\x{zeros}'::bytea" if database.startswith("postgresql:") else f"x'{zeros}'"


def _typed(kind: str, value: Any) -> Any:
    """As Parquet has it. `Any`: what the database gives."""
    if value is None:
        return None
    if kind == "event_id":
        text = value.hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return bool(value) if kind == "boolean" else value


def check_equal(database: str, lake: Path) -> None:
    """The last versions in the lake are the ledger's rows, each once."""
    for table in TABLES:
        found, expected = lake_rows(lake, table), ledger_rows(database, table)
        assert found == expected, (table, list((found - expected) + (expected - found))[:4])
        assert set(found.values()) <= {1}


def check_files(lake: Path) -> None:
    """What is there is what the manifest names."""
    named = {file["path"]: file for file in manifest(lake)["files"]}
    there = {str(path.relative_to(lake)): path for path in lake.glob("*/day=*/*")}
    assert there.keys() == named.keys()
    assert {path.name for path in lake.iterdir()} <= {*TABLES, "manifest.json", ".lock"}

"""A database that cannot be written is never silent: the log, health and the start say so."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from tests.e2e.test_server_process import (
    PATIENCE_S,
    SERVER,
    process,
    start_campaign,
    statuses,
)
from tests.faults.damaged_database import Fault, broken_table, full_disk, run
from tests.server import shop

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits another process's files")


def refused(database: Path, *command: str, **how: object) -> str:
    """What a server prints that does not start."""
    shown = subprocess.run(
        command or (*SERVER, "serve"),
        env={**os.environ, "FAIRLIFT_LISTEN": "127.0.0.1:0", "FAIRLIFT_DATABASE": str(database)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
        **how,  # type: ignore[call-overload]  # as Popen takes it
    )
    assert shown.returncode == 1
    (line,) = shown.stderr.splitlines()
    return str(line)


def messages(log: Path) -> dict[str, dict[str, object]]:
    """The last line of each message of the store."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return {line["message"]: line for line in lines if line["logger"] == "fairlift.store"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(broken_table, "no such table: exposures", id="broken table"),
        pytest.param(full_disk, "disk", id="full disk", marks=needs_linux),
    ],
)
def test_health_is_down_until_the_database_can_write(
    tmp_path: Path, fault: Fault, reason: str
) -> None:
    counts = run(tmp_path, fault, tmp_path / "log")

    said = messages(tmp_path / "log")
    assert reason in str(said["the database cannot write"]["reason"])
    assert said["the database cannot write"]["level"] == "error"
    assert "the database can write again" in said
    assert (counts["lost"], counts["doubled"]) == (0, 0)
    assert counts["acknowledged"] == 1_000
    assert counts["refused"] >= 500


def test_the_start_says_what_was_opened(tmp_path: Path) -> None:
    with process(tmp_path) as (server, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        statuses(channel, [shop.exposure(f"v-{number}") for number in range(1_000)])
        statuses(channel, [shop.exposure("w")])
        server.kill()
        server.wait()
    log = tmp_path / "log"
    with log.open("w") as written, process(tmp_path, log=written):
        pass

    (opened,) = (text for text in messages(log) if text.startswith("opened "))
    assert opened.startswith(f"opened {tmp_path}/shop.db: 1 campaign, 1,001 events, last at 20")


def test_a_lost_log_and_an_emptied_file_do_not_start_as_a_new_shop(tmp_path: Path) -> None:
    # Given what is left of a killed server
    with process(tmp_path) as (server, address), grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        statuses(channel, [shop.exposure(f"v-{number}") for number in range(1_000)])
        server.kill()
        server.wait()
    database = tmp_path / "shop.db"
    no_log = tmp_path / "no-log"
    shutil.copytree(tmp_path, no_log)
    (no_log / "shop.db-wal").unlink()

    # When its log is lost, or the file is emptied
    lost = refused(no_log / "shop.db")
    database.write_bytes(b"")
    emptied = refused(database)

    # Then it says what it had
    assert lost.startswith(f"fairlift-server: {no_log}/shop.db ")
    assert emptied.startswith(f"fairlift-server: {database} is empty or missing, but was a shop's")
    for line in (lost, emptied):
        assert "It had 1,000 events at 20" in line
        assert "run `fairlift-server accept` once" in line


def test_what_is_accepted_starts_again(tmp_path: Path) -> None:
    with process(tmp_path):
        pass
    database = tmp_path / "shop.db"
    database.write_bytes(b"")
    accepted = subprocess.run(
        [*SERVER, "accept"],
        env={**os.environ, "FAIRLIFT_DATABASE": str(database)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=True,
    )

    assert accepted.stdout == f"{database} is accepted: 0 campaigns, no events\n"
    with process(tmp_path):
        pass


@needs_linux
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")
def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    with process(tmp_path):
        pass
    database = tmp_path / "shop.db"
    database.chmod(0o444)

    # Root may write everything: without its capabilities it may not.
    line = refused(database, "setpriv", "--bounding-set=-all", "--inh-caps=-all", *SERVER, "serve")

    assert "attempt to write a readonly database" in line
    assert "must name a SQLite file that this user may read and write" in line

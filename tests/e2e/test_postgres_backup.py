"""The scripts of docs/operating.md that back PostgreSQL up and restore it, as they stand there."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import psycopg
import pytest
from fairlift.v1 import assignment_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.results_service_pb2 import GetResultsRequest, Report
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub

from tests.e2e.server_commands import expose, finished
from tests.e2e.test_server_process import process, start_campaign
from tests.postgres import PostgresServer
from tests.server.client import ID_KEY, beside

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()


def script(begin: str) -> str:
    """The script of the page that begins so, after its `set -eu`."""
    (found,) = [
        block
        for block in re.findall("```sh\n(.*?)```", TEXT, re.DOTALL)
        if block.removeprefix("set -eu\n").startswith(begin)
    ]
    return str(found)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where PostgreSQL's own user may write, too."""
    path = Path(tempfile.mkdtemp(prefix="fairlift-backups-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    (command,) = re.findall("^archive_command = '(.*)'$", TEXT, re.MULTILINE)
    archive = folder / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    settings = {
        "archive_mode": "on",
        "archive_command": command.replace("ARCHIVE", str(archive)),
        "archive_timeout": "60",
    }
    server = PostgresServer(settings)
    yield server
    server.remove()


@pytest.fixture
def shop_url(postgres: PostgresServer) -> str:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        # In its folder, as an operator has it: the copy must allow as many.
        connection.execute("ALTER SYSTEM SET max_connections = 200")
        connection.execute("CREATE DATABASE shop")
        connection.execute("CREATE DATABASE restored")
    return postgres.url_of("shop")


def ran(postgres: PostgresServer, begin: str, **variables: str | Path) -> None:
    """Runs a script of the page with its variables."""
    values = {name: str(value) for name, value in variables.items()}
    path = f"{postgres.programs}:{os.environ['PATH']}"
    # A file, not a pipe: a server that the script starts keeps it open.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            ["sh", "-c", script(begin)],
            env={**os.environ, "PATH": path, **values},
            user=postgres.user,
            cwd=postgres.home,
            stdout=said,
            stderr=said,
            timeout=60,
            check=False,
        )
        said.seek(0)
        assert done.returncode == 0, said.read()


def seen(channel: grpc.Channel) -> tuple[str, Report]:
    """What a client decides by, and what a report says."""
    watched = AssignmentServiceStub(channel).WatchSnapshot(
        assignment_service_pb2.WatchSnapshotRequest(), timeout=60
    )
    etag = next(iter(watched)).snapshot.etag
    watched.cancel()
    request = GetResultsRequest(name="campaigns/free-shipping")
    report = ResultsServiceStub(channel).GetResults(request, timeout=60)
    # What depends on the clock.
    report.ClearField("create_time")
    report.ClearField("next_look_time")
    report.ClearField("health")
    return str(etag), report


def environment(folder: Path, url: str) -> Mapping[str, str]:
    files = {f"FAIRLIFT_{name.upper()}": path for name, path in beside(folder, {}).items()}
    return {"FAIRLIFT_DATABASE": url, **files}


def exposures(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM exposures").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
def test_a_dump_that_is_restored_gives_the_same_snapshot_and_report(
    tmp_path: Path, folder: Path, postgres: PostgresServer, shop_url: str
) -> None:
    with (
        process(tmp_path, log=None, **environment(tmp_path, shop_url)) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        start_campaign(channel)
        expose(channel, "v", 1_000)
        before = seen(channel)
        ran(postgres, "file=", DATABASE=shop_url, BACKUPS=folder)
        expose(channel, "later", 500)
    (dump,) = folder.glob("fairlift-*.dump")
    restored = postgres.url_of("restored")

    ran(postgres, "sha256sum --check", FILE=dump, NEW_DATABASE=restored)

    assert exposures(restored) == 1_000
    with (
        process(tmp_path, log=None, **environment(tmp_path, restored)) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        assert seen(channel) == before
    assert sum(total.units for total in before[1].totals) == 1_000


@pytest.mark.slow
def test_recovery_to_a_moment_gives_what_was_there_then(
    tmp_path: Path, folder: Path, postgres: PostgresServer, shop_url: str
) -> None:
    with (
        process(tmp_path, log=None, **environment(tmp_path, shop_url)) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        start_campaign(channel)
        # Before the first events: they come from the archive.
        ran(postgres, "base=", SERVER=postgres.url, BACKUPS=folder)
        expose(channel, "v", 500)
        before = seen(channel)
        time.sleep(0.1)
        with psycopg.connect(shop_url) as connection:
            row = connection.execute("SELECT clock_timestamp()::text").fetchone()
        time.sleep(0.1)
        expose(channel, "later", 500)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("SELECT pg_switch_wal()")
    assert row is not None
    postgres.stop()
    (base,) = folder.glob("base-*")
    data = folder / "data"

    # The new one listens where the old one did.
    ran(
        postgres,
        'cp -a "$BASE"',
        BASE=base,
        DATA=data,
        ARCHIVE=folder / "archive",
        MOMENT=row[0],
        PGPORT=str(postgres.port),
    )
    try:
        until_writable(shop_url)
        assert exposures(shop_url) == 500
        with (
            process(tmp_path, log=None, **environment(tmp_path, shop_url)) as (_, address),
            grpc.insecure_channel(address) as channel,
        ):
            assert seen(channel) == before
    finally:
        subprocess.run(
            [postgres.programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
            user=postgres.user,
            cwd=postgres.home,
            check=True,
            capture_output=True,
        )


def until_writable(url: str) -> None:
    """Returns when recovery has ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        if row == (False,):
            return
        time.sleep(0.05)
    raise AssertionError("recovery did not end")


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_our_own_back_up_of_postgres_says_what_to_do_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("FAIRLIFT_ID_KEY", ID_KEY)
    url = "postgresql://fairlift:correct-horse@127.0.0.1:1/shop"

    code, said = finished(url, command, str(tmp_path / "file"))

    assert code == 1
    assert said.splitlines() == [
        f"fairlift-server: `fairlift-server {command}` is for SQLite; back PostgreSQL up with "
        "pg_dump, or with a base back-up and its WAL archive (PITR): docs/operating.md has the "
        "steps"
    ]
    assert not (tmp_path / "file").exists()

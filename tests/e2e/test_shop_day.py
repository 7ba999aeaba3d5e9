"""A shop's day: orders come in by a file, a campaign is read, a person is erased, a back-up is
restored elsewhere, and who bought rests nowhere.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import grpc
import pytest
from fairlift.v1 import assignment_service_pb2, campaign_service_pb2
from fairlift.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.event_service_pb2 import EVENT_STATUS_ACCEPTED, EVENT_STATUS_REFUSED, Event
from fairlift.v1.results_service_pb2 import GetResultsRequest, Report
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub

from tests.e2e.shopify_day import NEEDLES, email, orders_file
from tests.e2e.test_server_process import PATIENCE_S, SERVER, process, statuses
from tests.faults.ledgers import KEY, Ledger, PostgresLedger, postgres, sqlite_ledger
from tests.postgres import PostgresServer
from tests.server import shop
from tests.server.crowds import totals

NAME = "campaigns/free-shipping"
# units, buyers, orders, revenue, net revenue: see shopify_day.py, and the order J-1 of 50.00.
CONTROL, FREE = (2, 1, 1, 100.0, 100.0), (3, 3, 3, 187.0, 162.0)
WITHOUT_ANA = (1, 0, 0, 0.0, 0.0)
CUSTOMERS = """
customers:
  fields: {customer: E-mail, time: Since, attributes: {tier: Tier}}
"""


class Shop:
    """A folder with all that a server and its commands keep, over one database."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self.journal, self.logs = folder / "journal", folder / "logs"
        temporary = folder / "tmp"
        for each in (self.logs, temporary):
            each.mkdir()
        self.settings = {
            **os.environ,
            "FAIRLIFT_JOURNAL": str(self.journal),
            "FAIRLIFT_LOG_LEVEL": "debug",
            "TMPDIR": str(temporary),
            **settings,
        }

    @contextmanager
    def serving(self) -> Iterator[grpc.Channel]:
        """A server in this block, and a channel to it; its log is kept."""
        number = len([*self.logs.glob("server-*")])
        with (
            (self.logs / f"server-{number}").open("w") as log,
            process(self.folder, log=log, **self.settings) as (server, address),
            grpc.insecure_channel(address) as channel,
        ):
            self.address = address
            yield channel
            server.terminate()
            assert server.wait(PATIENCE_S) == 0

    def run(self, *words: str, typed: str = "", code: int = 0) -> str:
        """What a command printed, which is kept too."""
        done = subprocess.run(
            [*SERVER, *words],
            env=self.settings,
            input=typed,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE_S,
            check=False,
        )
        said = done.stdout + done.stderr
        with (self.logs / "commands").open("a") as log:
            log.write(said)
        assert done.returncode == code, said
        return said


class SqliteDay:
    """The day on a SQLite file."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.kept = [Path(ledger.url).parent]

    def back_up(self, here: Shop, to: Path) -> None:
        here.run("backup", str(to / "copy.db"))

    def restored(self, backups: Path, there: Path, erased: Path) -> Shop:
        database = there / "shop.db"
        other = Shop(there, {**KEY, "FAIRLIFT_DATABASE": str(database)})
        other.run("restore", str(backups / "copy.db"), "--erased", str(erased))
        return other


class PostgresDay:
    """The day on a PostgreSQL that logs every statement with its values."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server = server
        self.ledger = PostgresLedger(server, folder)
        self.kept = [server.data, server.home / "log", folder]

    def back_up(self, _here: Shop, to: Path) -> None:
        # Plain text: in the usual form it is compressed.
        self._ran("pg_dump", "--no-owner", f"--file={to / 'copy.sql'}", self.ledger.url)

    def restored(self, backups: Path, there: Path, erased: Path) -> Shop:
        self._ran("createdb", f"--maintenance-db={self._server.url}", "restored")
        url = self._server.url_of("restored")
        self._ran("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={backups / 'copy.sql'}", url)
        files = {"FAIRLIFT_ERASED_FILE": str(there / "erased")}
        shutil.copy(erased, there / "erased")
        return Shop(there, {**KEY, "FAIRLIFT_DATABASE": url, **files})

    def _ran(self, program: str, *words: str) -> None:
        subprocess.run([self._server.programs / program, *words], check=True, capture_output=True)


Day = SqliteDay | PostgresDay


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def day(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Day]:
    if request.param == "SQLite":
        with sqlite_ledger() as ledger:
            yield SqliteDay(ledger)
    else:
        folder = tmp_path / "beside"
        folder.mkdir()
        talkative = {"log_statement": "all", "log_min_duration_statement": "0"}
        with postgres(**talkative) as server:
            yield PostgresDay(server, folder)


def visitors() -> list[Event]:
    """Who saw the campaign, and who they turned out to be."""
    events = [shop.exposure(email("nobody"), "control")]
    people = (("ana", "control"), ("bruno", "free"), ("carla", "free"))
    for name, variant in people:
        cookie = email(f"cookie-{name}")
        # An attribute with the unit's own id is hashed like it.
        events.append(shop.exposure(cookie, variant, mail=cookie))
        events.append(shop.identity(cookie, email(name)))
    return events


def shown(channel: grpc.Channel) -> tuple[str, Report]:
    """The etag of the snapshot, and a report without what depends on the clock."""
    request = assignment_service_pb2.AssignVariantsRequest(visitor_id="v")
    etag = AssignmentServiceStub(channel).AssignVariants(request).snapshot_etag
    report = ResultsServiceStub(channel).GetResults(GetResultsRequest(name=NAME), timeout=60)
    for field in ("create_time", "next_look_time", "health"):
        report.ClearField(field)
    return etag, report


def found_in(*folders: Path, needles: tuple[bytes, ...] = NEEDLES) -> list[str]:
    """Files that hold one of these, in any case; Parquet is read, as it is compressed."""
    hits = []
    for folder in folders:
        for path in [folder] if folder.is_file() else folder.rglob("*"):
            if path.is_file():
                content = _read(path).lower()
                hits += [f"{path}: {needle!r}" for needle in needles if needle in content]
    return hits


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # a server removed it
        return b""
    if content.startswith(b"PAR1"):
        with closing(duckdb.connect()) as connection:
            return repr(connection.read_parquet(str(path)).fetchall()).encode()
    return content


@pytest.mark.slow
def test_a_shop_s_day(tmp_path: Path, day: Day) -> None:
    here, files, lake = tmp_path / "here", tmp_path / "files", tmp_path / "lake"
    there, backups, results = tmp_path / "there", tmp_path / "backups", tmp_path / "results"
    for folder in (here, files, there, backups):
        folder.mkdir()
    first = Shop(here, day.ledger.settings)
    orders = str(files / "orders_export.csv")
    kept = [*day.kept, here, lake, there, backups, results]

    # A campaign runs; the database is away for a moment, and events go into the journal.
    with first.serving() as channel:
        campaigns = CampaignServiceStub(channel)
        campaign = shop.campaign(segments=["tier", "mail"])
        campaigns.CreateCampaign(campaign_service_pb2.CreateCampaignRequest(campaign=campaign))
        campaigns.StartCampaign(campaign_service_pb2.StartCampaignRequest(name=NAME))
        yesterday = shop.now() - timedelta(days=1)
        rate = shop.exchange_rate("USD", 0.92, at=yesterday)
        assert set(statuses(channel, [rate, *visitors()])) == {EVENT_STATUS_ACCEPTED}
        late = email("late")
        with day.ledger.away():
            batch = [shop.exposure(late, "free"), shop.order(late, "J-1")]
            assert set(statuses(channel, batch)) == {EVENT_STATUS_ACCEPTED}
            assert found_in(first.journal, needles=(b"j-1",))
            assert found_in(first.journal) == []
        while any(first.journal.glob("*.journal")):
            time.sleep(0.05)
    # The files of the day come in: orders, and what the CRM knows.
    orders_file(Path(orders), shop.now() + timedelta(seconds=1))
    (files / "crm.csv").write_text(f"E-mail,Since,Tier\n{email('ana')},2026-01-10,gold\n")
    (files / "crm.yaml").write_text(CUSTOMERS)
    as_orders = ("import", orders, "--as", "orders", "--map", "shopify-orders")
    said = first.run(*as_orders)
    first.run("import", str(files / "crm.csv"), "--as", "customers", "--map", f"{files}/crm.yaml")
    assert "imported: 8 of 8 rows" in said
    time.sleep(1.5)  # the orders are a second ahead
    with first.serving() as channel:
        assert totals(shown(channel)[1]) == {"control": CONTROL, "free": FREE}
        assert found_in(*kept) == []
    first.run("export", str(lake))
    day.back_up(first, backups)
    assert found_in(*kept) == []
    # What must be found is: the search reads all of these places.
    for place in (day.kept[0], lake, backups):
        assert found_in(place, needles=(b"#1002",)), place

    # Ana asks to be forgotten.
    with first.serving() as channel:
        server = ("--server", first.address)
        first.run("unit", "export", "-", *server, typed=email("ana"))
        first.run("unit", "erase", "-", *server, typed=email("ana"))
        before = shown(channel)
        first.run("export", str(results), "--what", "results", *server)
    assert totals(before[1]) == {"control": WITHOUT_ANA, "free": FREE}
    first.run("export", str(lake))
    assert found_in(lake, needles=(b"#1001",)) == []
    # The back-up is from before, and comes up on another machine.
    second = day.restored(backups, there, day.ledger.erased)
    with second.serving() as channel:
        after = shown(channel)
        again = statuses(channel, [shop.action(email("ana"), "view")])
    assert after == before
    assert again == [EVENT_STATUS_REFUSED]
    # Nor does the same file bring her back.
    said = second.run(*as_orders, code=1)
    assert "2 × erased, line 2, 3" in said
    with second.serving() as channel:
        assert shown(channel) == before
    assert found_in(*kept) == []


def test_the_search_finds_ids_that_are_stored_raw(tmp_path: Path) -> None:
    """The test above can fail: with raw ids, in the database, the journal and the lake."""
    (tmp_path / "here").mkdir()
    with sqlite_ledger() as ledger:
        raw = {"FAIRLIFT_DATABASE": ledger.url, "FAIRLIFT_RAW_IDS": "yes"}
        first = Shop(tmp_path / "here", raw)
        with first.serving() as channel:
            statuses(channel, [shop.action(email("ana"), "view")])
            with ledger.away():
                statuses(channel, [shop.action(email("bruno"), "view")])
                assert found_in(first.journal)
            while any(first.journal.glob("*.journal")):
                time.sleep(0.05)
        first.run("export", str(tmp_path / "lake"))

        assert found_in(Path(ledger.url).parent)
        assert found_in(tmp_path / "lake")

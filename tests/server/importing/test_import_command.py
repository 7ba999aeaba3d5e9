"""`fairlift-server import`: what it prints, its exit codes, and that a dry run changes nothing."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fairlift_server.__main__ import main
from fairlift_server.commands import import_files
from fairlift_server.importing.kinds import KINDS
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.importing.progress import ProgressBar
from fairlift_server.store.database import Store

from tests import databases
from tests.databases import new_database, sqlite_only
from tests.server.client import running
from tests.server.importing.files import (
    HEADER,
    command,
    environment,
    imported,
    ledger,
    order_lines,
    rows,
    written,
)
from tests.server.privacy.stored import stored

ROOT = Path(__file__).parents[3]
MAPPINGS = ROOT / "server" / "fairlift_server" / "importing" / "mappings"
ERASED = "is of a visitor or customer who was erased; nothing about them is kept any more"
BAD = "o-x,v,2026-02-31,EUR,shoe,1,5"


def test_all_taken_is_0_and_some_refused_is_1(tmp_path: Path) -> None:
    good = written(tmp_path / "good.csv", HEADER, *order_lines(3))
    mixed = written(tmp_path / "mixed.csv", HEADER, *order_lines(3, 3), BAD, BAD)

    first = command(tmp_path, good, "--as", "orders", "--map", "generic")
    second = command(
        tmp_path, mixed, "--as", "orders", "--map", "generic", "--refused", tmp_path / "r.csv"
    )

    assert (first.returncode, second.returncode) == (0, 1)
    assert first.stdout.splitlines()[0] == f"{good}: imported: 6 of 6 rows"
    assert "  taken               6  (3 events)" in first.stdout
    assert "    2 × invalid, line 8, 9\n      time: is '2026-02-31'" in second.stdout
    assert [line[:5] for line in (tmp_path / "r.csv").read_text().splitlines()[1:]] == [
        '8,"ti',
        '9,"ti',
    ]
    assert not (tmp_path / "good.csv.refused.csv").exists()


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    imported(tmp_path, written(tmp_path / "first.csv", HEADER, *order_lines(3)))
    before = ledger(tmp_path, without=())
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5), BAD)

    dry = command(tmp_path, file, "--as", "orders", "--map", "generic", "--dry-run")
    between = ledger(tmp_path, without=())
    real = command(tmp_path, file, "--as", "orders", "--map", "generic")

    assert (dry.returncode, real.returncode) == (1, 1)
    assert between == before
    assert not list(tmp_path.glob("*.refused.csv")) or real.stdout
    counts = [re.findall(r"\d[\d,]*", text.split("taken")[-1])[:3] for text in (dry.stdout,)]
    assert counts == [["4", "2", "6"]]
    assert dry.stdout.splitlines()[1:] == real.stdout.splitlines()[1:-1]


DRY = ("--as", "orders", "--map", "generic", "--dry-run")


def tables_of(database: str) -> int:
    """How many tables a database has."""
    if not database.startswith("postgresql:"):
        return 0 if not Path(database).exists() else 1
    catalogue = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
    return int(databases.rows(database, catalogue)[0][0])


@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_a_dry_run_makes_no_database(tmp_path: Path, kind: str) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5))
    database = str(tmp_path / "new.db") if kind == "file" else new_database(str(tmp_path))
    settings = {"FAIRLIFT_DATABASE": database, "FAIRLIFT_RAW_IDS": "no"}
    if kind == "postgres":
        settings |= {"FAIRLIFT_ID_KEY": "5a" * 32, "FAIRLIFT_WORKERS": "2"}
    before = set(tmp_path.iterdir())

    done = command(tmp_path, file, *DRY, settings=settings)

    assert done.returncode == 0, done.stderr
    assert "  taken              10  (5 events)" in done.stdout
    assert tables_of(database) == 0
    assert set(tmp_path.iterdir()) - before <= set(tmp_path.glob("shop.db*"))


def test_a_dry_run_upgrades_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5))
    old = str(tmp_path / "old.db")
    store = Store(old)
    store.migrate(to="0008")
    store.close()

    done = command(tmp_path, file, *DRY, settings={"FAIRLIFT_DATABASE": old})

    assert done.returncode == 2
    assert "is of an older version; run `fairlift-server migrate` first" in done.stderr
    assert databases.rows(old, "SELECT version_num FROM alembic_version") == [("0008",)]


def test_a_dry_run_settles_nothing_in_a_database_that_was_never_used(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5))
    unused = new_database(f"{tmp_path} unused")
    store = Store(unused)
    store.migrate()
    store.close()
    settings = {"FAIRLIFT_DATABASE": unused, "FAIRLIFT_RAW_IDS": "yes", "FAIRLIFT_CURRENCY": "EUR"}

    done = command(tmp_path, file, *DRY, settings=settings)

    assert done.returncode == 0, done.stderr
    for table in ("shop", "stored_ids"):
        assert databases.rows(unused, f"SELECT count(*) FROM {table}") == [(0,)]


@sqlite_only
def test_a_dry_run_tells_that_the_database_is_gone(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5))
    imported(tmp_path, file)
    (tmp_path / "shop.db").unlink()

    done = command(tmp_path, file, *DRY)

    assert done.returncode == 2
    assert "is empty or missing, but was a shop's database before" in done.stderr
    assert not (tmp_path / "shop.db").exists()


@sqlite_only
async def test_a_server_that_runs_keeps_its_database(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5))
    async with running(tmp_path, raw_ids=True):
        done = command(tmp_path, file, "--as", "orders", "--map", "generic")
    assert done.returncode == 2
    assert "another server uses" in done.stderr


def test_the_currency_of_the_ledger_holds(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(5))
    imported(tmp_path, file)
    done = command(
        tmp_path, file, "--as", "orders", "--map", "generic", settings={"FAIRLIFT_CURRENCY": "USD"}
    )
    assert done.returncode == 2
    assert "the ledger's amounts are in EUR" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--as", "orders"], ["a.csv", "--as", "plants", "--map", "generic"], ["a.csv", "--map", "x"]],
)
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str]) -> None:
    assert command(tmp_path, *arguments).returncode == 2


def test_every_kind_can_be_asked_for() -> None:
    assert set(import_files._KINDS) == set(KINDS)


def test_refused_rows_that_cannot_be_written_are_no_failure(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(1), BAD)
    nowhere = tmp_path / "none" / "r.csv"
    done = command(tmp_path, file, "--as", "orders", "--map", "generic", "--refused", nowhere)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"cannot be written to {nowhere}: No such file or directory" in done.stdout


def test_ctrl_c_ends_all_of_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (
        written(tmp_path / f"{name}.csv", HEADER, *order_lines(3, number))
        for number, name in enumerate(["first", "second"])
    )
    monkeypatch.setattr(ProgressBar, "say", lambda *_: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(os, "environ", environment(tmp_path))
    words = ["import", str(first), str(second), "--as", "orders", "--map", "generic"]
    monkeypatch.setattr(sys, "argv", ["fairlift-server", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr().out
    assert ended.value.code == 130
    assert f"{first}: was interrupted" in said
    assert "second.csv" not in said


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(1), BAD)
    link, mapping = tmp_path / "link.csv", tmp_path / "map.yaml"
    link.symlink_to(file)
    mapping.write_bytes((MAPPINGS / "generic.yaml").read_bytes())
    before = file.read_bytes(), mapping.read_bytes()
    for refused in (file, link, mapping):
        done = command(tmp_path, file, "--as", "orders", "--map", mapping, "--refused", refused)
        assert done.returncode == 2
        assert "--refused names " in done.stderr
        assert (file.read_bytes(), mapping.read_bytes()) == before


def test_rows_of_who_was_erased_are_not_kept_in_another_file(tmp_path: Path) -> None:
    ana = "o-1,ana@example.com,2026-11-20T10:00:00Z,EUR,shoe,1,19.99"
    file = written(tmp_path / "file.csv", HEADER, ana, BAD)
    arguments = (file, "--as", "orders", "--map", "generic")
    command(tmp_path, *arguments)
    erased = subprocess.run(
        [sys.executable, "-m", "fairlift_server", "unit", "erase", "ana@example.com"],
        env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert erased.returncode == 0, erased.stderr

    again = command(tmp_path, *arguments)

    assert "1 × erased, line 2" in again.stdout
    with (tmp_path / "file.csv.refused.csv").open(newline="") as opened:
        _, line_2, line_3 = csv.reader(opened)
    assert line_2 == ["2", ERASED, *[""] * 7]
    assert line_3[0] == "3"
    assert line_3[2:] == BAD.split(",")


def test_a_summary_that_nobody_reads_is_no_failure(tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER, *order_lines(1))
    program = f"{sys.executable} -m fairlift_server import {file} --as orders --map generic"
    run = subprocess.run(
        f"{{ {program}; echo $? >&2; }} | true",
        shell=True,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stderr.splitlines()[-1] == "1"
    assert "Traceback" not in run.stderr
    assert "Broken pipe" not in run.stderr
    assert rows(tmp_path, "SELECT count(*) FROM orders") == [(1,)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_has_the_rate_and_the_time_left() -> None:
    now_s = 100.0
    for out, says in (
        (
            Terminal(),
            "\r[##########....................] 100 of 300 rows, 10 a second, 20 s left\x1b[K",
        ),
        (io.StringIO(), "100 of 300 rows, 10 a second, 20 s left\n"),
    ):
        now_s = 100.0
        progress = ProgressBar(300, out, lambda: now_s)  # noqa: B023
        progress.say(1)
        now_s = 110.0
        progress.say(100)
        now_s = 110.1
        progress.say(101)
        assert out.getvalue() == says


def blocks_of(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    mapping, _ = blocks_of("docs/import.md", "yaml")
    file, _ = blocks_of("docs/import.md", "csv")
    (tmp_path / "my-shop.yaml").write_text(mapping)
    (tmp_path / "orders.csv").write_text(file, encoding="cp1252")

    tally = imported(tmp_path, tmp_path / "orders.csv", mapping=str(tmp_path / "my-shop.yaml"))

    assert (tally.taken, tally.left_out, tally.refused_rows) == (3, 0, 0)
    assert read_mapping(str(tmp_path / "my-shop.yaml"), "orders").options.decimal == "comma"
    found = rows(
        tmp_path,
        "SELECT order_id, unit, goods_micros, discount_micros, shop_net_revenue_micros, coupons, "
        "time_us FROM orders ORDER BY order_id",
    )
    # 1.210,00 with 210,00 of tax in it; 10:30 in Madrid in November is 9:30 in UTC
    assert found == [
        ("B-1", "ana@example.com", 1_000_000_000, 0, 1_000_000_000, "", 1_795_512_600_000_000),
        ("B-2", "josé@example.com", 100_000_000, 0, 50_000_000, "\nsol\n", 1_795_599_000_000_000),
    ]


@sqlite_only
def test_ids_are_stored_as_the_server_stores_them_and_none_is_left_in_the_folder(
    tmp_path: Path,
) -> None:
    file = tmp_path / "actions.csv"
    file.write_text("unit,name,time\nana@example.com,view,2026-11-20T10:00:00Z\n")

    done = command(
        tmp_path, file, "--as", "actions", "--map", "generic", settings={"FAIRLIFT_RAW_IDS": "no"}
    )
    again = command(
        tmp_path, file, "--as", "actions", "--map", "generic", settings={"FAIRLIFT_RAW_IDS": "no"}
    )

    assert (done.returncode, again.returncode) == (0, 0)
    assert rows(tmp_path, "SELECT unit FROM actions") == [(stored(tmp_path, "ana@example.com"),)]
    for path in tmp_path.iterdir():
        assert path == file or b"ana@example.com" not in path.read_bytes(), path


def test_the_customers_of_the_documentation_are_taken(tmp_path: Path) -> None:
    _, mapping = blocks_of("docs/import.md", "yaml")
    _, file = blocks_of("docs/import.md", "csv")
    (tmp_path / "crm.yaml").write_text(mapping)
    (tmp_path / "customers.csv").write_text(file)

    tally = imported(tmp_path, tmp_path / "customers.csv", "customers", str(tmp_path / "crm.yaml"))

    assert (tally.taken, tally.events, tally.refused_rows) == (3, 5, 0)
    assert rows(
        tmp_path,
        "SELECT unit, name, label, time_us / 86400000000 FROM customer_attributes "
        "ORDER BY unit, name, time_us",
    ) == [
        ("ana@example.com", "country", "ES", 20_463),
        ("ana@example.com", "tier", "silver", 20_463),
        ("ana@example.com", "tier", "gold", 20_727),
        ("bea@example.com", "country", "RO", 20_517),
        ("bea@example.com", "tier", "silver", 20_517),
    ]


def test_a_file_without_rows_is_said_to_have_none(tmp_path: Path) -> None:
    file = written(tmp_path / "empty.csv", HEADER)

    said = command(tmp_path, file, "--as", "orders", "--map", "generic")

    assert said.returncode == 0
    assert said.stdout == f"{file}: it has no rows; is it the whole file?\n"


def test_among_blank_lines_an_object_is_counted_as_one_and_called_so(tmp_path: Path) -> None:
    file = tmp_path / "actions.jsonl"
    action = '{"name": "seen", "unit": "v", "time": "never"}\n'
    file.write_text(f"{action}\n\n{action}")

    said = command(tmp_path, file, "--as", "actions", "--map", "generic")

    assert "object 1, 2" in said.stdout + said.stderr

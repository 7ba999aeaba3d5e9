"""`--as customers`: what is known of customers, in every table and file where they are kept."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fairlift.engine.errors import InvalidRequest
from fairlift_server.importing.mapping import read_mapping
from fairlift_server.store.database import Store
from fairlift_server.store.moving import move

from tests.databases import database_in, new_database, rows, sqlite_only
from tests.server.importing.customer_files import HEADER, MAPPING, customers_imported
from tests.server.importing.files import command, environment

ANA = "ana@example.com,2026-01-01T00:00:00Z,gold,ES"
ALL = "SELECT unit, name, label, time_us FROM customer_attributes WHERE name <> '' ORDER BY 1, 2, 4"
DAY_US = 86_400 * 1_000_000
JANUARY_US = 1_767_225_600 * 1_000_000  # 2026-01-01T00:00:00Z


def unit_command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fairlift_server", "unit", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def files_in(folder: Path, *lines: str) -> tuple[Path, Path]:
    file, mapping = folder / "customers.csv", folder / "map.yaml"
    file.write_text("".join(f"{line}\n" for line in (HEADER, *lines)))
    mapping.write_text(MAPPING)
    return file, mapping


def test_each_label_is_a_row_that_holds_from_its_time(tmp_path: Path) -> None:
    database = database_in(tmp_path)
    tally = customers_imported(database, tmp_path, "a,2026-01-01,gold,ES", "b,2026-01-02,,RO")

    assert (tally.taken, tally.events, tally.refused) == (2, 3, {})
    assert rows(database, ALL) == [
        ("a", "country", "ES", JANUARY_US),
        ("a", "tier", "gold", JANUARY_US),
        ("b", "country", "RO", JANUARY_US + DAY_US),
    ]


def test_the_same_rows_change_nothing_and_later_values_are_new_rows(tmp_path: Path) -> None:
    database, first = database_in(tmp_path), "a,2026-01-01,gold,ES"
    customers_imported(database, tmp_path, first, first)
    before = rows(database, ALL)

    again = customers_imported(database, tmp_path, "a,2026-01-01T01:00:00+01:00,gold,ES")
    later = customers_imported(database, tmp_path, first, "a,2026-02-01,gold,", "a,2026-02-01,tin,")

    assert (again.taken, again.known, again.events) == (0, 1, 0)
    assert (later.taken, later.known, later.events) == (2, 1, 2)
    assert len(before) == 2
    assert set(before) < set(rows(database, ALL))
    assert [label for _, name, label, _ in rows(database, ALL) if name == "tier"] == [
        "gold",
        "gold",
        "tin",
    ]


def test_what_is_known_for_long_is_taken_and_the_future_is_not(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    old, ahead = "a,1999-05-01,gold,", "b,2026-03-02,gold,"
    tally = customers_imported(database_in(tmp_path), tmp_path, old, ahead, now=now)

    assert (tally.taken, tally.old, tally.refused_rows) == (1, 0, 1)
    (why,) = tally.refused
    assert (why.field, why.reason) == ("time", "in_the_future")
    assert "import it when it holds" in tally.refused[why].message


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (",2026-01-01,gold,ES", "customer"),
        ("a,,gold,ES", "time"),
        ("a,2026-02-31,gold,ES", "time"),
        (f"a,2026-01-01,{'x' * 257},ES", "attributes.tier"),
        ("a,2026-01-01,go\x01ld,ES", "attributes.tier"),
        (f"{'x' * 257},2026-01-01,gold,ES", "customer"),
        ("a,1900-01-01,gold,ES", "time"),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_by_name(
    tmp_path: Path, line: str, field: str
) -> None:
    database = database_in(tmp_path)
    tally = customers_imported(database, tmp_path, line, "b,2026-01-01,gold,ES")

    assert (tally.refused_rows, tally.taken) == (1, 1)
    assert [why.field for why in tally.refused] == [field]
    assert {row[0] for row in rows(database, ALL)} == {"b"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("{customer: id, time: t}", "lacks attributes"),
        ("{customer: id, time: t, attributes: {2nd: x}}", "is no attribute's name"),
        ("{customer: id, attributes: {tier: x}}", "lacks time"),
        ("{unit: id, time: t, attributes: {tier: x}}", "customers.fields.unit: is not known"),
    ],
)
def test_a_mapping_that_says_nothing_is_refused(tmp_path: Path, fields: str, sentence: str) -> None:
    mapping = tmp_path / "map.yaml"
    mapping.write_text(f"customers:\n  fields: {fields}\n")
    with pytest.raises(InvalidRequest) as refused:
        read_mapping(str(mapping), "customers")
    assert sentence in "; ".join(map(str, refused.value.violations))


@sqlite_only
def test_the_command_takes_them_and_a_dry_run_does_not(tmp_path: Path) -> None:
    file, mapping = files_in(tmp_path, ANA, "b,2026-02-31,gold,ES")
    arguments = (file, "--as", "customers", "--map", mapping)

    dry = command(tmp_path, *arguments, "--dry-run")
    is_there = (tmp_path / "shop.db").exists()
    done = command(tmp_path, *arguments)

    assert (dry.returncode, done.returncode, is_there) == (1, 1, False)
    assert "  taken               1  (2 events)" in dry.stdout
    assert "1 × invalid, line 3\n      time: is '2026-02-31'" in done.stdout
    assert (tmp_path / "customers.csv.refused.csv").exists()
    assert len(rows(tmp_path / "shop.db", ALL)) == 2


@sqlite_only
def test_no_id_is_kept_as_it_came(tmp_path: Path) -> None:
    # One column repeats the id.
    file, mapping = files_in(tmp_path, "ana@example.com,2026-01-01,ana@example.com,ES")
    settings = {"FAIRLIFT_RAW_IDS": "no"}
    done = command(tmp_path, file, "--as", "customers", "--map", mapping, settings=settings)
    assert done.returncode == 0, done.stderr

    kept = b"".join(path.read_bytes() for path in tmp_path.glob("shop.db*"))
    assert b"ana@example" not in kept
    (country, tier) = rows(tmp_path / "shop.db", ALL)
    assert tier[2] == tier[0] == country[0]


@sqlite_only
def test_a_person_is_handed_over_and_erased_with_what_is_known(tmp_path: Path) -> None:
    file, mapping = files_in(tmp_path, ANA, "bea@example.com,2026-01-01,tin,ES")
    arguments = (file, "--as", "customers", "--map", mapping)
    links = tmp_path / "links.csv"
    links.write_text("visitor,customer,time\nv-1,ana@example.com,2026-01-05T00:00:00Z\n")
    assert command(tmp_path, *arguments).returncode == 0
    assert command(tmp_path, links, "--as", "links", "--map", "generic").returncode == 0

    exported = json.loads(unit_command(tmp_path, "export", "v-1").stdout)
    erased = unit_command(tmp_path, "erase", "v-1")
    left = rows(tmp_path / "shop.db", ALL)
    again = command(tmp_path, *arguments)

    assert exported["counts"]["customer_attributes"] == 2
    assert [
        (one["name"], one["label"], one["valid_from_time"])
        for one in sorted(exported["customer_attributes"], key=lambda one: str(one["name"]))
    ] == [
        ("country", "ES", "2026-01-01T00:00:00Z"),
        ("tier", "gold", "2026-01-01T00:00:00Z"),
    ]
    assert "3 events of 2 linked ids" in erased.stdout
    assert [label for _, _, label, _ in left] == ["ES", "tin"]
    assert "1 × erased" in again.stdout
    assert rows(tmp_path / "shop.db", ALL) == left


def test_they_move_to_another_database(tmp_path: Path) -> None:
    old = database_in(tmp_path)
    customers_imported(old, tmp_path, "a,2026-01-01,gold,ES", "b,2026-01-02,tin,RO")
    new = new_database(str(tmp_path / "new"))
    source, target = Store(old), Store(new)
    try:
        target.migrate()
        move(source, target)
    finally:
        source.close()
        target.close()

    assert len(rows(old, ALL)) == 4
    assert rows(new, ALL) == rows(old, ALL)
    # Safe to repeat there, too: the ids moved with them.
    assert customers_imported(new, tmp_path, "a,2026-01-01,gold,ES").known == 1

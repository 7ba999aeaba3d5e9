"""`fairlift-server sources check`: what is wrong with a shop's tables, each mistake by its line."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.databases import new_database
from tests.spark_cluster import SparkCluster

# Tables with a mistake of each kind; the texts are SQL of DuckDB and PostgreSQL alike.
TABLES = {
    "views": "visitor_id VARCHAR, seen_at TIMESTAMP, experiment VARCHAR, arm VARCHAR",
    "sales": "id BIGINT, client VARCHAR, placed TIMESTAMP, total DECIMAL(12, 2), state VARCHAR, "
    "loaded VARCHAR",
    "clicks": "who VARCHAR, clicked TIMESTAMP, what VARCHAR",
}
ROWS = {
    "views": [
        "('v1', TIMESTAMP '2026-11-02 10:00:00', 'autumn', 'control')",
        "('v2', TIMESTAMP '2026-11-02 11:00:00', 'autumn', NULL)",
        "('v3', TIMESTAMP '2026-11-02 12:00:00', 'autumn', '  ')",
        "('v4', NULL, 'autumn', 'popup')",
    ],
    # Order 1 is there three times and order 2 twice; a draft of order 3 does not count.
    "sales": [
        "(1, 'v1', TIMESTAMP '2026-11-02 10:00:00', 10.00, 'paid', '2026-11-03')",
        "(1, 'v1', TIMESTAMP '2026-11-02 10:00:00', 10.00, 'sent', '2026-11-04')",
        "(1, 'v1', TIMESTAMP '2026-11-02 10:00:00', 10.00, 'kept', '2026-11-05')",
        "(2, 'v2', TIMESTAMP '2026-11-03 10:00:00', 20.00, 'paid', '2026-11-03')",
        "(2, 'v2', TIMESTAMP '2026-11-03 10:00:00', 20.00, 'sent', '2026-11-04')",
        "(3, 'v2', TIMESTAMP '2026-11-04 10:00:00', 30.00, 'draft', '2026-11-04')",
        "(3, 'v2', TIMESTAMP '2026-11-04 10:00:00', NULL, 'paid', '2026-11-05')",
    ],
    "clicks": [],
}
MAPPING = """\
{where}
exposures:
  from: views
  columns:
    unit: visitor_id
    time: seen_at
    campaign: experiment
    variant: arm
orders:
  from: sales
  where: state <> 'draft'
  columns:
    order: id
    unit: client
    time: placed
    revenue: total
actions:
  from: clicks
  columns: {{unit: who, time: clicked, name: what}}
"""

# Writes the tables into a folder; what the sources file says of where they are.
Place = Callable[[Path], str]


def statements() -> list[str]:
    made = [f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()]
    filled = [
        f"INSERT INTO {name} VALUES {', '.join(values)}" for name, values in ROWS.items() if values
    ]
    return made + filled


def in_duckdb(folder: Path) -> str:
    with closing(duckdb.connect(folder / "warehouse.duckdb")) as connection:
        for statement in statements():
            connection.execute(statement)
    return "database: warehouse.duckdb"


def in_postgres(folder: Path) -> str:
    url = new_database(str(folder))
    with psycopg.connect(url) as connection:
        for statement in statements():
            connection.execute(statement.encode())
    return f"database: {url}"


def in_files(folder: Path) -> str:
    with closing(duckdb.connect()) as connection:
        for statement in statements():
            connection.execute(statement)
        for name in TABLES:
            connection.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet)")
    return "files:\n" + "".join(f"  {name}: {name}.parquet\n" for name in TABLES).rstrip()


PLACES: dict[str, Place] = {"duckdb": in_duckdb, "postgres": in_postgres, "files": in_files}


@pytest.fixture(params=PLACES)
def mapping(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A sources file for tables in each place that DuckDB reads."""
    return MAPPING.format(where=PLACES[request.param](tmp_path))


def checked(folder: Path, mapping: str, *arguments: str) -> tuple[int, list[str], str]:
    """The exit code, the lines without the name of the file, and what went to stderr."""
    file = folder / "sources.yaml"
    file.write_text(mapping, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fairlift_server", "sources", "check", str(file), *arguments],
        env={**os.environ, "FAIRLIFT_DATABASE": str(folder / "unused.db")},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    lines = [line.removeprefix(f"{file}:") for line in done.stdout.splitlines()]
    return done.returncode, lines, done.stderr


def numbered(mapping: str, line: str) -> int:
    return mapping.splitlines().index(line) + 1


def check_rows(mapping: str, lines: list[str]) -> None:
    """Every row that would give a wrong figure, as ROWS has them."""
    line = numbered(mapping, "    time: seen_at")
    assert lines[0] == (
        f"{line}: exposures.columns.time: is empty in 1 of 4 rows; leave such rows out with "
        "exposures.where"
    )
    # Exposures without a variant: one is missing, the other blank.
    line = numbered(mapping, "    variant: arm")
    assert lines[1] == (
        f"{line}: exposures.columns.variant: is empty in 2 of 4 rows; leave such rows out with "
        "exposures.where"
    )
    line = numbered(mapping, "    revenue: total")
    assert lines[2] == (
        f"{line}: orders.columns.revenue: is empty in 1 of 6 rows; leave such rows out with "
        "orders.where"
    )
    line = numbered(mapping, "    order: id")
    assert lines[3] == (
        f"{line}: orders.columns.order: 2 orders are there more than once, and would count as "
        "often; keep one row for each, such as the newest, with a query in orders.from"
    )
    line = numbered(mapping, "  from: clicks")
    assert lines[4] == f"{line}: actions.from: has no rows that count"
    assert lines[5:] == [" 3 tables, 5 mistakes"]


def wrong_columns(mapping: str) -> str:
    """A mapping whose columns are missing or of another type."""
    changes = {
        "arm": "arrm", "total": "state", "placed": "loaded", "who": "count",
        "state <> 'draft'": "state", "clicks": "klicks",
    }  # fmt: skip
    for one, other in changes.items():
        for key in ("variant", "revenue", "time", "where", "from"):
            mapping = mapping.replace(f"{key}: {one}\n", f"{key}: {other}\n")
    return mapping


def check_columns(mapping: str, lines: list[str], text: str) -> None:
    """Each column that is missing or of another type, with its line; `text`: the type of texts."""
    where = numbered(mapping, "    variant: arrm")
    assert lines[0].startswith(f"{where}: exposures.columns.variant: cannot be read: ")
    assert "arrm" in lines[0]
    assert lines[0].endswith("; did you mean arm?")
    where = numbered(mapping, "  where: state")
    assert lines[1] == (
        f"{where}: orders.where: is {text}, must be a boolean; write an expression that makes it "
        "one"
    )
    where = numbered(mapping, "    time: loaded")
    assert lines[2] == (
        f"{where}: orders.columns.time: is {text}, must be a timestamp or a date; write an "
        "expression that makes it one"
    )
    where = numbered(mapping, "    revenue: state")
    assert lines[3] == (
        f"{where}: orders.columns.revenue: is {text}, must be an amount of money, a number; "
        "write an expression that makes it one"
    )
    where = numbered(mapping, "  from: klicks")
    assert lines[4].startswith(f"{where}: actions.from: cannot be read: ")
    assert "klicks" in lines[4]
    assert lines[5:] == [" 3 tables, 5 mistakes"]


def test_rows_that_would_give_wrong_figures_are_counted(tmp_path: Path, mapping: str) -> None:
    code, lines, errors = checked(tmp_path, mapping)
    assert (code, errors) == (1, "")
    check_rows(mapping, lines)


def test_columns_that_are_missing_or_of_another_type_are_named(
    tmp_path: Path, mapping: str
) -> None:
    wrong = wrong_columns(mapping)
    code, lines, errors = checked(tmp_path, wrong)
    assert (code, errors) == (1, "")
    check_columns(wrong, lines, "VARCHAR")


def test_a_value_that_does_not_fit_is_said_without_a_trace(tmp_path: Path, mapping: str) -> None:
    unread = mapping.replace("revenue: total", "revenue: CAST(state AS DOUBLE)")
    code, lines, errors = checked(tmp_path, unread)
    assert (code, errors) == (1, "")
    line = numbered(unread, "  from: sales")
    (said,) = [each for each in lines if "'paid'" in each]
    assert said.startswith(f"{line}: orders.from: has a value that cannot be read: Could not ")
    assert said.endswith("; leave its row out with orders.where")
    assert lines[-1] == " 3 tables, 4 mistakes"


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("(SELECT max(loaded) FROM sals)", "cannot be read: "),
        ("(SELECT max(loaded) FROM sales)", "is VARCHAR, must be a timestamp or a date; "),
        ("5", "is INTEGER, must be a timestamp or a date; "),
    ],
)
def test_a_moment_of_completeness_that_is_none_is_named(
    tmp_path: Path, mapping: str, until: str, said: str
) -> None:
    code, lines, errors = checked(tmp_path, f"complete_until: {until}\n{mapping}")
    assert (code, errors) == (1, "")
    assert lines[0].startswith(f"1: complete_until: {said}")
    assert lines[1:] == [" 3 tables, 1 mistake"]


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("(SELECT max(placed) FROM sales WHERE id = 0)", "is empty, so no day would be looked at"),
        ("(SELECT placed FROM sales)", "cannot be read: More than one row"),
        ("CAST('soon' AS TIMESTAMP)", "cannot be read: invalid timestamp"),
    ],
)
def test_a_moment_of_completeness_that_is_not_there_is_named(
    tmp_path: Path, mapping: str, until: str, said: str
) -> None:
    code, lines, errors = checked(tmp_path, f"complete_until: {until}\n{mapping}")
    assert (code, errors) == (1, "")
    assert lines[0].startswith(f"1: complete_until: {said}")
    assert lines[-1] == " 3 tables, 6 mistakes"


def test_tables_that_fit_have_no_mistake(tmp_path: Path, mapping: str) -> None:
    mended = mapping.replace("from: views", "from: SELECT * FROM views WHERE visitor_id = 'v1'")
    newest = "SELECT max(id) AS id, 'v1' AS client, max(placed) AS placed, 1.5 AS total FROM sales"
    mended = mended.replace("from: sales\n  where: state <> 'draft'", f"from: {newest}")
    mended = f"complete_until: DATE '2026-11-06'\n{mended.partition('actions:')[0]}"
    assert checked(tmp_path, mended) == (0, [" 2 tables, 0 mistakes"], "")


def test_orders_that_would_be_worth_nothing_are_counted(tmp_path: Path, mapping: str) -> None:
    """Of orders 1, 2 and 3 the second has no line; ids are numbers in one, texts in the other."""
    one_of_each = "SELECT DISTINCT id, 'v1' AS client, TIMESTAMP '2026-11-02' AS placed FROM sales"
    lines = "SELECT CAST(id AS VARCHAR) AS id, 5 AS price FROM sales WHERE id <> 2"
    mapping = mapping.replace("from: views", "from: SELECT * FROM views WHERE visitor_id = 'v1'")
    mapping = mapping.replace("from: sales\n  where: state <> 'draft'", f"from: {one_of_each}")
    of_lines = f"lines:\n  from: {lines}\n  columns: {{order: id, unit_price: price}}\n"
    mapping = mapping.partition("actions:")[0] + of_lines

    by_lines = mapping.replace("    revenue: total\n", "")
    code, found, errors = checked(tmp_path, by_lines)
    assert (code, errors) == (1, "")
    line = numbered(by_lines, "    order: id")
    assert found == [
        f"{line}: orders.columns.order: 1 of 3 orders have no line, and would be worth nothing; "
        "leave them out with orders.where, or map orders.columns.revenue",
        " 3 tables, 1 mistake",
    ]
    by_total = mapping.replace("revenue: total", "revenue: id")
    assert checked(tmp_path, by_total) == (0, [" 3 tables, 0 mistakes"], "")


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_spark_names_the_same_mistakes(tmp_path: Path, spark_cluster: SparkCluster) -> None:
    mapping = MAPPING.format(where=in_files(tmp_path))
    engine = f"spark:{spark_cluster.url}"
    code, lines, _ = checked(tmp_path, mapping, "--engine", engine)
    assert code == 1
    check_rows(mapping, lines)
    wrong = wrong_columns(mapping)
    code, lines, _ = checked(tmp_path, wrong, "--engine", engine)
    assert code == 1
    check_columns(wrong, lines, "STRING")
    unread = mapping.replace("revenue: total", "revenue: CAST(state AS DOUBLE)")
    code, lines, errors = checked(tmp_path, unread, "--engine", engine)
    assert code == 1
    assert "Traceback" not in errors
    assert [each for each in lines if "orders.from: has a value that cannot be read" in each]

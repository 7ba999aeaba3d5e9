"""Files and tables that do not fit are named in one sentence, with a way out."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest
from fairlift.engine.errors import WrongState
from fairlift_server.analysis.entry_rules import ENTRY_OF_ALL
from fairlift_server.analysis.job_control import not_followed
from fairlift_server.analysis.ledger_query import LedgerAnswer
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.table_answers import complete_until_us, table_answers
from fairlift_server.analysis.table_views import LakeTables
from fairlift_server.lake.reading import lake_files
from fairlift_server.sources.shop_sources import own_tables

from tests.databases import copied
from tests.ledger_oracle.histories import histories, together
from tests.ledger_oracle.product import Arrival, empty_store, feed, query_of
from tests.server.lake.lake_reading import exported
from tests.server.sources.own_shop import CAMPAIGN, parquet_shop, postgres_shop

HISTORY = together(histories(1)[:2])
BOUNDS = LedgerSource("")


def rewrite(file: Path, columns: str) -> None:
    """Writes a Parquet file with other columns."""
    with closing(duckdb.connect()) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT {columns} FROM read_parquet('{file}')")
        connection.execute(f"COPY t TO '{file}' (FORMAT parquet)")


def own_answer(folder: Path) -> LedgerAnswer:
    tables = own_tables(folder / "sources.yaml", spark=False, currency="EUR", key_states=None)
    asked = replace(query_of(HISTORY), campaign=CAMPAIGN, epoch=1, entry=ENTRY_OF_ALL)
    return table_answers(tables, BOUNDS, [replace(asked, as_of_day=None)])[0]


@pytest.mark.parametrize(
    ("table", "columns", "said"),
    [
        ("sales", "* EXCLUDE (total)", r'"total" not found'),
        ("sales", "* REPLACE ('abc' AS total)", r"VARCHAR"),
        ("views", "* REPLACE ('yesterday' AS seen_at)", r"VARCHAR"),
        ("views", "* REPLACE (5 AS seen_at)", r"INTEGER"),
        ("sales", "* REPLACE ('nan'::DOUBLE AS total)", r"value nan"),
        ("sales", "* REPLACE (1e300 AS total)", r"a value of the tables does not fit"),
        ("sales", "* REPLACE (3 AS state)", r"'void' to INT32"),
    ],
)
def test_a_column_that_is_missing_or_of_another_type_is_named(
    tmp_path: Path, table: str, columns: str, said: str
) -> None:
    parquet_shop(tmp_path)
    rewrite(tmp_path / f"{table}.parquet", columns)

    with pytest.raises(WrongState, match=said) as refused:
        own_answer(tmp_path)

    words = str(refused.value)
    assert "`fairlift-server sources check` says where" in words or "leave its row out" in words
    assert len(words) < 400
    assert "\n" not in words


def test_a_line_of_a_file_that_cannot_be_taken_apart_is_named(tmp_path: Path) -> None:
    parquet_shop(tmp_path)
    with closing(duckdb.connect()) as connection:
        connection.execute(
            f"COPY (SELECT unnest(repeat([c], 30000), recursive := true) FROM read_parquet("
            f"'{tmp_path}/clicks.parquet') AS c) TO '{tmp_path}/clicks.json'"
        )
    # Beyond what DuckDB reads of a file to tell its columns.
    with (tmp_path / "clicks.json").open("a") as file:
        file.write('{"who": \n')
    sources = tmp_path / "sources.yaml"
    sources.write_text(sources.read_text().replace("clicks.parquet", "clicks.json"))

    with pytest.raises(WrongState, match=r'Malformed JSON in file ".*clicks\.json"') as refused:
        own_answer(tmp_path)

    assert "leave its row out" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_of_the_shop_that_fails_in_the_middle_is_no_matter_of_an_export(
    tmp_path: Path,
) -> None:
    shop = postgres_shop(tmp_path)
    url = shop.file.read_text().splitlines()[0].removeprefix("database: ")
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE sales RENAME TO kept")
        connection.execute("CREATE VIEW sales AS SELECT * FROM kept WHERE 1 / (id - id) = 1")

    with pytest.raises(WrongState, match=r"could not be read to the end: .*division") as refused:
        own_answer(tmp_path)

    assert "export" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("(SELECT max(loaded_at) FROM etl.loads)", '"etl.loads" does not exist'),
        ("5", "INTEGER_LITERAL"),
        ("(SELECT seen_at FROM views)", "More than one row"),
    ],
)
def test_until_when_tables_are_complete_is_a_moment_or_is_refused(
    tmp_path: Path, until: str, said: str
) -> None:
    shop = parquet_shop(tmp_path)
    shop.file.write_text(f"complete_until: {until}\n{shop.file.read_text()}")
    tables = own_tables(shop.file, spark=False, currency="EUR", key_states=None)

    with pytest.raises(WrongState, match=said) as refused:
        complete_until_us(tables, BOUNDS, not_followed())

    assert "`complete_until`" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rows_without_a_visitor_are_no_visitor(tmp_path: Path) -> None:
    parquet_shop(tmp_path)
    found = own_answer(tmp_path)
    rewrite(tmp_path / "views.parquet", "* REPLACE (NULL::VARCHAR AS visitor_id)")
    of_nulls = own_answer(tmp_path)
    rewrite(tmp_path / "views.parquet", "* REPLACE (' ' AS visitor_id)")
    of_blanks = own_answer(tmp_path)

    assert sum(entry.units for entry in found.entries) == 3
    assert not of_nulls.entries
    assert not of_blanks.entries


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    database = copied(empty_store(folder), folder / "shop.db")
    feed(HISTORY, database, Arrival(1))
    exported(database, folder / "lake")
    return folder / "lake"


def damaged(lake: Path, copy: Path, change: Callable[[Path], None]) -> Path:
    """A copy of the lake, after a file of exposures was changed."""
    shutil.copytree(lake, copy)
    change(next(copy.glob("exposures/*/*.parquet")))
    return copy


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def zeroed(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4] + bytes(len(content) - 12) + content[-8:])


def replaced(file: Path) -> None:
    """By another file, whose size the manifest says."""
    manifest, before = file.parents[2] / "manifest.json", file.stat().st_size
    rewrite(file, "1 AS another")
    text = manifest.read_text().replace(f'"bytes": {before}', f'"bytes": {file.stat().st_size}', 1)
    manifest.write_text(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, "it is half written"),
        (Path.unlink, "a newer export has replaced it, or the folder was copied in part"),
        (zeroed, "it was changed or damaged: copy the export again"),
        (replaced, '"unit" not found'),
    ],
)
def test_a_file_of_an_export_that_is_not_whole_is_named(
    lake: Path, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    copy = damaged(lake, tmp_path / "copy", change)

    with pytest.raises(WrongState, match=said) as refused:
        table_answers(LakeTables(lake_files(copy).paths, "EUR"), BOUNDS, [query_of(HISTORY)])

    assert "\n" not in str(refused.value)


def test_too_little_memory_is_said_with_the_setting(lake: Path) -> None:
    paths = lake_files(lake).paths

    with pytest.raises(WrongState, match="need more than the 1 MB of FAIRLIFT_ANALYSIS_MB"):
        table_answers(LakeTables(paths, "EUR"), LedgerSource("", 1), [query_of(HISTORY)])


def places(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "file"
    file.touch()
    yield from (tmp_path, tmp_path / "nothing", file, file / "below")


def test_what_is_no_export_is_said_with_a_way_out(tmp_path: Path) -> None:
    for place in places(tmp_path):
        with pytest.raises(WrongState, match="it is no export; make one with"):
            lake_files(place)

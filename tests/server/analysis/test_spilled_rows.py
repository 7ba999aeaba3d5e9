"""Rows that do not fit into memory go to files."""

from contextlib import closing
from pathlib import Path

from fairlift_server.analysis.duckdb_engine import bounded_connection
from fairlift_server.analysis.ledger_source import LedgerSource


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    source = LedgerSource("", memory_mb=40, folder=str(tmp_path / "new" / "analysis"))
    with closing(bounded_connection(source)) as connection:
        connection.execute(
            "CREATE TEMP TABLE large AS SELECT hash(range) AS a, hash(range + 1) AS b "
            "FROM range(6_000_000)"
        )

        assert [*source.spill_folder.iterdir()]

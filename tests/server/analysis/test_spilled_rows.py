"""Rows that do not fit into memory go to files."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fairlift_server.analysis.duckdb_engine import bounded_connection
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.results.answer_files import answers_folder, forget_before, remove_copy


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    source = LedgerSource("", memory_mb=40, folder=str(tmp_path / "new" / "analysis"))
    with closing(bounded_connection(source)) as connection:
        connection.execute(
            "CREATE TEMP TABLE large AS SELECT hash(range) AS a, hash(range + 1) AS b "
            "FROM range(6_000_000)"
        )

        assert [*source.spill_folder.iterdir()]


def forget(folder: Path) -> None:
    """As the timer does."""
    answers = answers_folder(str(folder))
    assert answers is not None
    forget_before(answers, 0)


def erased(folder: Path) -> None:
    """As after a person was erased."""
    remove_copy(str(folder))


@pytest.mark.parametrize("remove", [forget, erased])
def test_what_a_killed_process_left_goes(remove: Callable[[Path], None], tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own = LedgerSource("", folder=str(tmp_path)).spill_folder
    folders = {
        name: tmp_path / f"fairlift-spilled-{name}" for name in (str(ended.pid), "1", "9" * 30, "x")
    }
    for each in (own, *folders.values()):
        each.mkdir()
        (each / "duckdb_temp_storage-0.tmp").write_bytes(b"v-maria")

    remove(tmp_path)

    gone = folders.pop(str(ended.pid))
    assert not gone.exists()
    # Of processes that run, and of what is none of ours.
    assert all(each.exists() for each in (own, *folders.values()))
    assert own.name.endswith(str(os.getpid()))

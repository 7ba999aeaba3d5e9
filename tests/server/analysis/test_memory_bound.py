"""The analysis takes as much memory as it may; what is more goes to files, which are removed."""

from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pytest
from fairlift_server.analysis.duckdb_engine import bounded_connection
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.results.worker_pool import WorkerPool

MEMORY_MB = 100
# Some 250 MB of numbers and the keys by which they are sorted.
ROWS = 8_000_000
SORTED = f"""
    SELECT count(*), max(place) FROM (
        SELECT number, row_number() OVER (ORDER BY hash(number), number) AS place
        FROM range({ROWS}) AS numbers(number)
    )
"""


class Sorting(NamedTuple):
    """What a process did.

    Attributes:
        rows: what the query gave.
        more_mb: the most memory that it had, less what it had before.
        written_mb: the most that it had written to files.
        files: that are left.
    """

    rows: list[tuple[int, ...]]
    more_mb: float
    written_mb: float
    files: list[Path]


def sort_much(folder: Path) -> Sorting:
    before_mb, sizes, is_done = peak_mb(), [0], Event()

    def watch() -> None:
        while not is_done.wait(0.05):
            sizes.append(sum(file.stat().st_size for file in files_in(folder)))

    watcher = Thread(target=watch)
    watcher.start()
    with closing(bounded_connection(LedgerSource(":memory:", MEMORY_MB, str(folder)))) as opened:
        rows = opened.execute(SORTED).fetchall()
    is_done.set()
    watcher.join()
    return Sorting(rows, peak_mb() - before_mb, max(sizes) / 1e6, files_in(folder))


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def peak_mb() -> float:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.slow
async def test_what_does_not_fit_into_memory_goes_to_files_that_are_removed(tmp_path: Path) -> None:
    pool = WorkerPool(1)
    try:
        done = await pool.run(sort_much, tmp_path)
    finally:
        pool.close()

    assert done.rows == [(ROWS, ROWS)]
    assert done.written_mb > MEMORY_MB / 2
    # DuckDB counts its buffers, not each byte of its threads.
    assert done.more_mb < 2 * MEMORY_MB
    assert done.files == []

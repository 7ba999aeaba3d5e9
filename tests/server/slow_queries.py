"""Jobs that do not end by themselves, for tests of stopping them."""

import time
from contextlib import closing
from pathlib import Path

from fairlift_server.analysis.duckdb_engine import bounded_connection
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.results.analysis_source import AnalysisSource
from fairlift_server.results.answer_memory import AnswerMemory
from fairlift_server.results.job_slots import current_job
from fairlift_server.results.look import LookRequest, LookResult
from fairlift_server.results.worker_jobs import looks_of_campaign

# Files by which a test and a job in another process tell each other how far they are.
BEGUN = "begun"
MAY_END = "may-end"
# 10^15 pairs of rows: years of work.
NEVER_ENDS = "SELECT sum(hash(a.range, b.range)) FROM range(100000000) a, range(10000000) b"
# Sorts far more than it may hold in memory.
SPILLS = "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(range)) n FROM range({rows}))"


def answer_never(folder: Path, memory_mb: int, query: str) -> None:
    """A query of DuckDB that takes longer than any test."""
    source = LedgerSource(":memory:", memory_mb, str(folder))
    control = current_job()
    control.begin_round(2)
    control.end_step()
    with closing(bounded_connection(source)) as connection, control.stopping(connection.interrupt):
        (folder / BEGUN).touch()
        connection.execute(query)


def load() -> None:
    """Makes a process import what the other jobs need."""


def looks_never(source: AnalysisSource, *_: object) -> None:
    """In place of `looks_of_campaign`."""
    answer_never(Path(source.ledger.folder), source.ledger.memory_mb, NEVER_ENDS)


def looks_when_told(
    source: AnalysisSource, memory: AnswerMemory | None, request: LookRequest
) -> LookResult:
    """In place of `looks_of_campaign`: the same, once the test says so."""
    folder = Path(source.ledger.folder)
    (folder / BEGUN).touch()
    while not (folder / MAY_END).exists():
        time.sleep(0.02)
    return looks_of_campaign(source, memory, request)

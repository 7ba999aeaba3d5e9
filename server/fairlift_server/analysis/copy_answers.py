"""Answers from the columnar copy of a ledger: what is new is folded in where that is exact."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

import duckdb

from fairlift_server.analysis.answering import answers_of
from fairlift_server.analysis.attached_ledger import DUCKDB_TYPES, attach_ledger, first_line
from fairlift_server.analysis.copied_tables import COPIED
from fairlift_server.analysis.copy_lock import CopyUnavailable
from fairlift_server.analysis.copy_manifest import drop_copy
from fairlift_server.analysis.duckdb_engine import DuckDBEngine, answers, bounded_connection
from fairlift_server.analysis.folding import folded_in, may_be_folded
from fairlift_server.analysis.job_control import JobControl, not_followed
from fairlift_server.analysis.ledger_copy import opened_copy
from fairlift_server.analysis.ledger_query import LedgerAnswer, LedgerQuery
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.opened_copy import OpenedCopy
from fairlift_server.analysis.table_views import ledger_views, named_ledger
from fairlift_server.analysis.touched_persons import touched_persons

log = logging.getLogger("fairlift.results")

_PLACE: Final = "copy"


def answers_from_copy(
    source: LedgerSource,
    queries: Sequence[LedgerQuery],
    known: Sequence[LedgerAnswer | None] = (),
    control: JobControl | None = None,
) -> list[LedgerAnswer]:
    """The answers to all queries; from the database itself where there is no copy.

    Call it in a process of its own, as `duckdb_engine.answers`.

    Args:
        source: a SQLite file or another database.
        queries: to be answered.
        known: by query, an earlier answer to it that holds for its moment but for newer events.
        control: follows and stops it.

    Raises:
        JobStopped: the answers are not wanted any more.
    """
    control = control or not_followed()
    if source.copy_folder is not None:
        try:
            with (
                closing(bounded_connection(source)) as connection,
                control.stopping(connection.interrupt),
            ):
                attach_ledger(connection, source.database)
                copy = opened_copy(connection, source, source.copy_folder, control)
                if copy is not None:
                    return _CopyAnswers(connection, copy, control).answers(queries, known)
        except (CopyUnavailable, duckdb.OutOfMemoryException) as error:
            _log("the copy of the ledger cannot be used now", source, error)
        except duckdb.Error as error:
            _log("the copy of the ledger cannot be read; it is made anew", source, error)
            drop_copy(source.copy_folder)
    return answers(source, queries, control)


def _log(message: str, source: LedgerSource, error: Exception) -> None:
    fields = {"folder": str(source.copy_folder), "reason": first_line(error)}
    log.warning(message, extra={"fields": fields})


class _CopyAnswers:
    """Answers queries from one state of a copy."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, copy: OpenedCopy, control: JobControl
    ) -> None:
        self._connection = connection
        self._copy = copy
        self._control = control

    def answers(
        self, queries: Sequence[LedgerQuery], known: Sequence[LedgerAnswer | None]
    ) -> list[LedgerAnswer]:
        """One for each query."""
        by_number: dict[int, LedgerAnswer] = {}
        for generation, old in self._foldable(queries, known).items():
            by_number |= self._folded(generation, old)
        others = [number for number in range(len(queries)) if number not in by_number]
        if others:
            every = {table: self._copy.counted(table) for table in COPIED}
            asked = [queries[number] for number in others]
            read = self._answered(every, asked, self._control)
            by_number |= {
                number: replace(answer, state=self._copy.state)
                for number, answer in zip(others, read, strict=True)
            }
        return [by_number[number] for number in range(len(queries))]

    def _foldable(
        self, queries: Sequence[LedgerQuery], known: Sequence[LedgerAnswer | None]
    ) -> Mapping[int, Mapping[int, LedgerAnswer]]:
        """By generation and number, the answers of this copy that new events can be added to."""
        manifest = self._copy.manifest
        by_generation: dict[int, dict[int, LedgerAnswer]] = defaultdict(dict)
        for number, answer in enumerate(known):
            if answer is None or answer.state is None or not may_be_folded(answer, queries[number]):
                continue
            since = answer.state.generation
            # A folder that was put back has fewer generations than answers know.
            is_known = manifest.newest_costs <= since <= manifest.generation
            if answer.state.copy == manifest.name and is_known:
                by_generation[since][number] = replace(answer, query=queries[number])
        return by_generation

    def _folded(self, since: int, old: Mapping[int, LedgerAnswer]) -> dict[int, LedgerAnswer]:
        """The answers into which what is new since a generation could be folded."""
        touched = touched_persons(self._connection, self._copy, since)
        if touched is None:
            return {}
        queries = [answer.query for answer in old.values()]
        # Of what is read for an answer this is little, and all may have to be read after it.
        control = self._control.without_steps()
        before, after = (
            self._answered(touched.counted(generation), queries, control)
            for generation in (since, self._copy.manifest.generation)
        )
        by_number = {}
        for number, one, other in zip(old, before, after, strict=True):
            answer = folded_in(old[number], one, other, touched.newest_restated)
            if answer is not None:
                by_number[number] = replace(answer, state=self._copy.state)
        return by_number

    def _answered(
        self, tables: Mapping[str, str], queries: Sequence[LedgerQuery], control: JobControl
    ) -> list[LedgerAnswer]:
        """The answers from the rows of these tables."""
        views = ledger_views(tables, self._copy.manifest.currency, DUCKDB_TYPES)
        for name, query in views.items():
            self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
        engine = DuckDBEngine(self._connection, named_ledger(), place=_PLACE)
        return answers_of(engine, queries, control)

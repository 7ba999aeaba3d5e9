"""A full look, the same metrics by hand, and by tea-tasting: each is called in a process."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from fairlift_server.analysis.attached_ledger import attach_ledger
from fairlift_server.analysis.ledger_query import LedgerAnswer
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.table_views import LakeTables
from fairlift_server.lake.reading import lake_files
from fairlift_server.results.segment_cuts import summaries_by_label

from benchmarks.large_shop.bare_query import lake_tables, metrics_query, units_query
from benchmarks.large_shop.campaigns import SEGMENTS, WINDOW_DAYS, full_look, plan_of

Rows = list[tuple[Any, ...]]
# Of the look's sums, those that the query by hand has too, in its order after units.
_SUMS = ("buyers", "orders", "revenue")


def look(source: str, campaigns: tuple[str, ...], spark: str = "") -> Rows:
    """Units, buyers, orders and revenue of both variants, from full looks at some campaigns."""
    queries = [full_look(name) for name in campaigns]
    if spark:
        from fairlift_server.analysis.spark_answers import spark_answers

        with spark_answers(spark, _lake(source)) as session:
            found = session.answers(queries)
    elif Path(source).is_dir():
        from fairlift_server.analysis.table_answers import table_answers

        found = table_answers(_lake(source), LedgerSource(""), queries)
    else:
        from fairlift_server.analysis.duckdb_engine import answers

        found = answers(source, queries)
    return _sums(found, campaigns)


def look_from_copy(source: str, campaigns: tuple[str, ...]) -> Rows:
    """The same from the columnar copy of a SQLite file, which the first call makes."""
    from fairlift_server.analysis.copy_answers import answers_from_copy

    ledger = LedgerSource(source, folder=f"{source}.look", least_copied_rows=1)
    found = answers_from_copy(ledger, [full_look(name) for name in campaigns])
    return _sums(found, campaigns)


def _sums(answers: Sequence[LedgerAnswer], campaigns: Sequence[str]) -> Rows:
    """Of the sample; the cuts are made, too, as a look makes them."""
    for answer, name in zip(answers, campaigns, strict=True):
        plan = plan_of(name)
        for group in plan.segment_groups:
            cuts = summaries_by_label(plan, answer, group, day=None, last_entry=None)
            assert set(cuts) == set(SEGMENTS)
    return [
        (summary.n, *(summary.sum(f"{name}@{WINDOW_DAYS}") for name in _SUMS))
        for answer in answers
        for summary in answer.sample(None).summaries[WINDOW_DAYS].values()
    ]


def by_hand(source: str) -> Rows:
    """The same from the query by hand."""
    with _opened(source) as (connection, schema):
        found = connection.execute(metrics_query(schema)).fetchall()
    return [
        (units, buyers, orders, revenue / 1e6) for _, units, buyers, orders, revenue, *_ in found
    ]


def by_tea_tasting(source: str) -> Rows:
    """Rows of units by hand, and tea-tasting's report of the eight metrics on them."""
    import tea_tasting as tt

    with _opened(source) as (connection, schema):
        units = connection.execute(units_query(schema)).to_arrow_table()
    experiment = tt.Experiment(
        {
            "conversion": tt.Mean("buyer"),
            "revenue": tt.Mean("revenue"),
            "ticket": tt.RatioOfMeans("revenue", "orders"),
            "orders": tt.Mean("orders"),
            "profit": tt.Mean("profit"),
            "items": tt.RatioOfMeans("items", "orders"),
            "cart": tt.Mean("cart"),
            "newsletter": tt.Mean("newsletter"),
        }
    )
    experiment.analyze(units)
    return []


def _lake(folder: str) -> LakeTables:
    return LakeTables(lake_files(Path(folder)).paths, "EUR")


@contextmanager
def _opened(source: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A connection, and the schema in which it has the ledger's tables."""
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        if not Path(source).is_dir():
            attach_ledger(connection, source)
            yield connection, "shop.main"
            return
        paths = {table: list(each) for table, each in _lake(source).paths.items() if each}
        for statement in lake_tables(paths):
            connection.execute(statement)
        yield connection, "main"

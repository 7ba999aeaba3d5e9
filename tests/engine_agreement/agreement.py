"""The same histories on every engine, held against DuckDB on the database itself."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fairlift.engine.metric import CapAtQuantile, OrderMeasure
from fairlift_server.analysis.columns import UnitColumn, UnitQuantile
from fairlift_server.analysis.copy_answers import answers_from_copy
from fairlift_server.analysis.duckdb_engine import answers
from fairlift_server.analysis.ledger_cell import LedgerCell
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    Lateness,
    LedgerAnswer,
    LedgerQuery,
    LiveQuestion,
)
from fairlift_server.analysis.ledger_source import LedgerSource
from fairlift_server.analysis.spark_answers import spark_answers
from fairlift_server.analysis.table_answers import table_answers
from fairlift_server.analysis.table_views import LakeTables
from fairlift_server.lake.reading import lake_files
from fairlift_server.store.database import Store
from fairlift_server.store.moving import move
from fairlift_stats.data.summary import Summary
from fairlift_stats.methods.quantiles import QuantileArm

from tests.databases import ON_POSTGRES, changed, new_database
from tests.ledger_oracle.comparison import part_differences
from tests.ledger_oracle.events import DAY
from tests.ledger_oracle.histories import TOGETHER, History, histories, together
from tests.ledger_oracle.product import Arrival, answer_report, fed, query_of
from tests.server.lake.lake_reading import exported


@dataclass(frozen=True, slots=True)
class Places:
    """Where one ledger is.

    Attributes:
        folder: of its own, for whatever an engine writes.
        database: the server's.
        lake: its export.
    """

    folder: Path
    database: str
    lake: LakeTables


# An engine: answers queries of the ledger, in the place that it reads.
Engine = Callable[[Places, Sequence[LedgerQuery]], list[LedgerAnswer]]
# The bound; sums of whole numbers are equal to the last digit.
ROUNDING = 1e-9


@dataclass(slots=True)
class Agreement:
    """What was compared.

    Attributes:
        figures: numbers that were held against each other.
        largest: the largest difference of two, relative to the larger.
    """

    histories: int = 0
    figures: int = 0
    largest: float = 0.0

    @property
    def summary(self) -> str:
        """The counts in one line."""
        return (
            f"{self.histories} histories, {self.figures} figures, largest relative difference "
            f"{self.largest:.2g}"
        )

    def add(self, one: LedgerAnswer, other: LedgerAnswer) -> None:
        """Compares two answers to one query; what is no float must be equal."""
        assert one.entries == other.entries
        assert one.orders == other.orders
        assert one.coupons == other.coupons
        assert one.late_amendments == other.late_amendments
        assert one.facts == other.facts
        assert one.last_restated_us == other.last_restated_us
        self.figures += 9 * len(one.entries) + 2 * len(one.orders) + 2 * len(one.coupons) + 2
        self._add_cells(one.query.groups, one.cells, other.cells)
        self._add_cells(one.query.segment_groups, one.segment_cells, other.segment_cells)
        assert one.quantiles.keys() == other.quantiles.keys()
        for variant, arms in one.quantiles.items():
            assert arms.keys() == other.quantiles[variant].keys()
            for name, arm in arms.items():
                self._add_numbers(_arm(arm), _arm(other.quantiles[variant][name]))

    def _add_cells(
        self,
        groups: Iterable[ColumnGroup],
        ours: Sequence[LedgerCell],
        theirs: Sequence[LedgerCell],
    ) -> None:
        of_window = {group.maturity: group for group in groups}
        assert list(map(_place, ours)) == list(map(_place, theirs))
        for a, b in zip(ours, theirs, strict=True):
            group = of_window[a.maturity]
            self._add_numbers(_numbers(group.summary(a.sums)), _numbers(group.summary(b.sums)))

    def _add_numbers(self, ours: Iterator[float], theirs: Iterator[float]) -> None:
        for a, b in zip(ours, theirs, strict=True):
            self.figures += 1
            if a != b and not (math.isnan(a) and math.isnan(b)):
                self.largest = max(self.largest, abs(a - b) / max(abs(a), abs(b)))


def queries_of(history: History, *, capped: bool = True) -> list[LedgerQuery]:
    """The reference's query, and one of now with segments, a cap at a quantile, and quantiles."""
    query = query_of(history)
    window = history.campaign.window // DAY
    cap = CapAtQuantile(0.8) if capped else None
    column = UnitColumn("capped", OrderMeasure.REVENUE, window, cap=cap)
    plain = next(column.name for column in query.columns if column.window == window)
    group = next(group for group in query.groups if group.maturity == window)
    cut = ColumnGroup(window, ("capped", plain), (("capped", "capped"), ("capped", plain)),
                      (("capped", "capped", plain),))  # fmt: skip
    late = Lateness(history.as_of - 9 * DAY, history.as_of - 8 * DAY)
    now = replace(
        query,
        columns=(*query.columns, column),
        groups=(*(each for each in query.groups if each is not group),
                replace(group, columns=(*group.columns, "capped"))),
        segment_groups=(cut,),
        segments=("country", "tier"),
        quantiles=(UnitQuantile("capped_p75", "capped", 0.75), UnitQuantile("p50", plain, 0.5)),
        as_of_day=None,
        live=LiveQuestion(history.as_of, window, late),
        time_zone="Europe/Madrid",
    )  # fmt: skip
    return [query, now]


def label(database: str) -> None:
    """Gives exposures segments, and units a tier: histories of the reference have none."""
    texts = [json.dumps({"country": country}) for country in ("ES", 'R"O', "")]
    cases = " ".join(f"WHEN {number} THEN '{text}'" for number, text in enumerate(texts))
    changed(database, f"UPDATE exposures SET segments = CASE id % 4 {cases} END")
    changed(
        database,
        "INSERT INTO customer_attributes (event_id, time_us, received_us, unit, name, label) "
        f"SELECT event_id, time_us + (id % 3 - 1) * {DAY}, received_us, unit, 'tier', "
        "CASE id % 2 WHEN 0 THEN 'gold' ELSE 'new' END FROM exposures WHERE id % 5 < 3",
    )


def compared(
    seed: int,
    empty: str,
    folder: Path,
    engines: Mapping[str, Engine],
    found: dict[str, Agreement],
) -> list[str]:
    """Adds one seed's histories to what was found; what differs from the reference."""
    parts = histories(seed)
    history = together(parts)
    folder.mkdir()
    ledger = fed(history, empty, folder / "shop.db", Arrival(seed))
    database = ledger.database
    label(database)
    exported(database, folder / "lake")
    lake = LakeTables(lake_files(folder / "lake").paths, "EUR")
    places = Places(folder, database, lake)
    queries = queries_of(history)
    expected = answers(database, queries)
    for name, engine in engines.items():
        agreement = found.setdefault(name, Agreement())
        agreement.histories += TOGETHER
        for one, other in zip(expected, engine(places, queries), strict=True):
            agreement.add(one, other)
    report = answer_report(history, ledger, expected[0])
    return [line for part in parts for line in part_differences(part, report)]


def by_duckdb(places: Places, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """DuckDB over the export."""
    return table_answers(places.lake, LedgerSource(""), queries)


def by_copy(places: Places, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """DuckDB over the columnar copy of a SQLite file."""
    folder = places.folder / "analysis"
    source = LedgerSource(places.database, folder=str(folder), least_copied_rows=1)
    read = answers_from_copy(source, queries)
    assert all(answer.state is not None for answer in read), "there is no copy"
    return read


def by_postgres(places: Places, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """DuckDB over PostgreSQL, into which the SQLite file was moved."""
    url = new_database(str(places.folder / "moved"))
    source, target = Store(places.database), Store(url)
    try:
        target.migrate(may_be_unfinished=True)
        move(source, target)
    finally:
        target.close()
        source.close()
    return answers(url, queries)


def _place(cell: LedgerCell) -> tuple[object, ...]:
    days = (cell.entry_day, cell.mature_day, cell.mixed_day)
    return cell.maturity, cell.variant, *days, cell.segments, cell.sums.units


def _numbers(summary: Summary) -> Iterator[float]:
    yield from map(float, summary.sums)
    yield from summary.comoments.flatten()
    yield from summary.thirds.values()


def _arm(arm: QuantileArm) -> Iterator[float]:
    yield from (arm.n, arm.value, arm.lower, arm.upper, arm.largest_tie or 0)


def by_spark(url: str, places: Places, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """Spark over the export."""
    with spark_answers(url, places.lake) as spark:
        return spark.answers(queries)


def duckdb_engines() -> dict[str, Engine]:
    """DuckDB in every place beside the database itself."""
    engines: dict[str, Engine] = {"parquet": by_duckdb}
    if not ON_POSTGRES:
        engines |= {"copy": by_copy, "postgres": by_postgres}
    return engines

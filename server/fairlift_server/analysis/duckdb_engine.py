"""DuckDB over the SQLite file, attached read-only: how the embedded server answers queries."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import duckdb
import ibis
from fairlift.engine.identity import IdentityPolicy
from fairlift_stats.methods.quantiles import QuantileArm
from ibis.backends.sql.compilers.duckdb import compiler

from fairlift_server.analysis.cells import (
    Offsets,
    day_cells,
    entry_counts,
    exact_pairs,
    largest_values,
    parted_pairs,
    read_cell,
    read_entry,
    with_caps,
)
from fairlift_server.analysis.columns import maturity_us
from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.events import Ledger, Table
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    CouponCount,
    LedgerAnswer,
    LedgerCell,
    LedgerQuery,
    OrderCount,
)
from fairlift_server.analysis.live_counts import (
    counted_orders,
    late_amendments,
    orders_by_coupon,
    orders_by_day,
)
from fairlift_server.analysis.restated_orders import (
    RESTATED_COLUMNS,
    last_amendment_us,
    restated_orders,
)
from fairlift_server.analysis.unit_quantiles import quantile_rows, read_quantile
from fairlift_server.analysis.units import unit_rows

_THREADS = 2
_SCANNER = "duckdb_extension_sqlite_scanner"
_SQL_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "boolean": "BOOLEAN"}
_COLUMNS = {
    "exposures": {
        "unit": "string",
        "time_us": "int64",
        "received_us": "int64",
        "campaign": "string",
        "epoch": "int64",
        "variant": "string",
        "segments": "string",
    },
    "actions": {
        "unit": "string",
        "time_us": "int64",
        "received_us": "int64",
        "name": "string",
        "value": "float64",
    },
    "orders": {
        "order_id": "string",
        "unit": "string",
        "time_us": "int64",
        "received_us": "int64",
        "items": "int64",
        "coupons": "string",
        "first_purchase": "int64",
        "test": "int64",
        "refunded": "int64",
        "upsell": "int64",
        "cross_sell": "int64",
        "cancelled": "int64",
        "shop_revenue_micros": "int64",
        "shop_net_revenue_micros": "int64",
        "shop_profit_micros": "int64",
        "shop_discount_micros": "int64",
    },
    "identity_links": {
        "time_us": "int64",
        "received_us": "int64",
        "visitor": "string",
        "customer": "string",
    },
    "amendments": {
        "order_id": "string",
        "time_us": "int64",
        "received_us": "int64",
        "status": "string",
    },
}


def answers(path: Path, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """The answers to all queries, as of one moment.

    Call it in a process of its own: DuckDB brings its own SQLite, and two copies of SQLite in one
    process drop each other's locks on the file.
    """
    with closing(duckdb.connect(config={"threads": _THREADS})) as connection:
        # From the wheel: nothing is downloaded at run time.
        extension = f"extensions/v{duckdb.__version__}/sqlite_scanner.duckdb_extension"
        with as_file(files(_SCANNER).joinpath(extension)) as scanner:
            connection.execute(f"LOAD {_quoted(scanner)}")
        connection.execute(f"ATTACH {_quoted(path)} AS shop (TYPE sqlite, READ_ONLY)")
        connection.begin()
        results = [_Answering(connection, query).answer() for query in queries]
        connection.commit()
        return results


class _Answering:
    """One query: the rows of units are worked out once, and added up in several ways."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: LedgerQuery) -> None:
        self._connection = connection
        self._query = query

    def answer(self) -> LedgerAnswer:
        query = self._query
        if query.as_of_day is not None:
            self._restate(DayCalendar(query.time_zone).end_us(query.as_of_day))
        units = self._stored(with_caps(unit_rows(_ledger(), query), query))
        offsets = self._offsets(units)
        (self._largest,) = self._rows(largest_values(units, query))
        entries = sorted(
            (read_entry(row, query) for row in self._rows(entry_counts(units, query, offsets))),
            key=lambda entry: (entry.variant, entry.entry_day, entry.mixed_day or 0),
        )
        segments = query.segment_group
        orders, coupons, late_amendments = self._live(units, offsets)
        return LedgerAnswer(
            query=query,
            entries=tuple(entries),
            cells=tuple(
                cell for group in query.groups for cell in self._cells(units, group, offsets)
            ),
            segment_cells=()
            if segments is None
            else tuple(self._cells(units, segments, offsets, by_segment=True)),
            quantiles=self._quantiles(units),
            last_restated_us=self._last_restated(),
            orders=orders,
            coupons=coupons,
            late_amendments=late_amendments,
        )

    def _restate(self, end_us: int) -> None:
        """Writes down the orders that were amended later as they stood at the moment."""
        columns = ", ".join(f"{name} {_SQL_TYPES[t]}" for name, t in RESTATED_COLUMNS.items())
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE restated_orders ({columns})")
        rows = restated_orders(self._asked, end_us)
        if rows:
            # One parameter per column: a statement per row is slow.
            places = ", ".join("unnest(?)" for _ in RESTATED_COLUMNS)
            values = [list(column) for column in zip(*rows, strict=True)]
            self._connection.execute(f"INSERT INTO restated_orders SELECT {places}", values)

    def _live(
        self, units: Table, offsets: Offsets
    ) -> tuple[tuple[OrderCount, ...], tuple[CouponCount, ...], int]:
        """What the query asks of now, beside the sums."""
        if self._query.live is None:
            return (), (), 0
        orders = counted_orders(_ledger(), units, self._query)
        by_day = (OrderCount(**row) for row in self._rows(orders_by_day(orders, offsets)))
        by_coupon = (CouponCount(**row) for row in self._rows(orders_by_coupon(orders)))
        late = 0
        if self._query.late is not None:
            (row,) = self._rows(late_amendments(_ledger(), units, self._query))
            late = int(row["late"])
        return (
            tuple(sorted(by_day, key=lambda count: (count.day, count.variant))),
            tuple(sorted(by_coupon, key=lambda count: (count.variant, count.coupon))),
            late,
        )

    def _last_restated(self) -> int | None:
        ledger = _ledger()
        queries = [last_amendment_us(ledger.amendments)]
        if self._query.identity_policy is not IdentityPolicy.AS_ASSIGNED:
            links = ledger.identity_links
            queries.append(links.aggregate(last=links.time_us.max()))
        rows = (row for query in queries for row in self._rows(query))
        return max((int(row["last"]) for row in rows if row["last"] is not None), default=None)

    def _cells(
        self, units: Table, group: ColumnGroup, offsets: Offsets, *, by_segment: bool = False
    ) -> list[LedgerCell]:
        cells = day_cells(
            units,
            group,
            offsets,
            by_segment=by_segment,
            exact=exact_pairs(self._largest, group),
            parted=parted_pairs(self._largest, group),
        )
        rows = self._rows(cells)
        # The order of groups is the engine's whim; the answer's is not.
        return sorted(
            (read_cell(row, group) for row in rows),
            key=_cell_key,
        )

    def _quantiles(self, units: Table) -> dict[str, dict[str, QuantileArm]]:
        by_variant: dict[str, dict[str, QuantileArm]] = {}
        for quantile in self._query.quantiles:
            for row in self._rows(quantile_rows(units, self._query, quantile)):
                arm = read_quantile(row, self._query, quantile)
                if arm is not None:
                    by_variant.setdefault(row["variant"], {})[quantile.metric] = arm
        return by_variant

    def _offsets(self, units: Table) -> Offsets:
        """The zone's offsets over all days that are asked for: of entry, of maturity, of orders."""
        span = units.aggregate(
            first=units.first_us.min(),
            entry=units.first_us.max(),
            mixed=units.mixed_us.max(),
            event=units.last_us.max(),
        )
        (row,) = self._rows(span)
        if row["first"] is None:
            return [(0, 0)]
        last = row["entry"] + max(
            (maturity_us(group.maturity) for group in self._query.groups), default=0
        )
        calendar = DayCalendar(self._query.time_zone)
        return calendar.offsets(row["first"], max(last, row["mixed"] or 0, row["event"]))

    def _stored(self, rows: Table) -> Table:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE units AS {_sql(rows)}")
        return ibis.table(rows.schema(), name="units")

    def _rows(self, expression: Table) -> Iterator[dict[str, Any]]:
        """What the engine answers; `Any`: a database's values."""
        yield from self._asked(_sql(expression))

    def _asked(self, sql: str) -> Iterator[dict[str, Any]]:
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        for row in cursor.fetchall():
            yield dict(zip(names, row, strict=True))


def _cell_key(cell: LedgerCell) -> tuple[str, int, int, int, str]:
    return cell.variant, cell.entry_day, cell.mature_day, cell.mixed_day or 0, cell.segments or ""


def _sql(expression: Table) -> str:
    return str(compiler.to_sqlglot(expression).sql("duckdb"))


def _ledger() -> Ledger:
    tables = {
        name: ibis.table(columns, name=name, catalog="shop", database="main")
        for name, columns in _COLUMNS.items()
    }
    # SQLite has no booleans.
    orders = tables.pop("orders")
    orders = orders.mutate(
        cancelled=orders.cancelled == 1,
        test=orders.test == 1,
        first_purchase=orders.first_purchase.cast("boolean"),
    )
    restated = ibis.table(RESTATED_COLUMNS, name="restated_orders")
    return Ledger(orders=orders, restated=restated, **tables)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

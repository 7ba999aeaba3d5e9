"""DuckDB over the ledger, attached read-only: how a server answers queries."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from fairlift.engine.identity import IdentityPolicy
from fairlift_stats.methods.quantiles import QuantileArm

from fairlift_server.analysis.attached_ledger import attach_ledger, quoted
from fairlift_server.analysis.cells import (
    Offsets,
    exact_pairs,
    parted_pairs,
    read_cell,
    read_entry,
)
from fairlift_server.analysis.columns import maturity_us
from fairlift_server.analysis.customer_labels import label_columns
from fairlift_server.analysis.day_calendar import DayCalendar
from fairlift_server.analysis.ledger_query import (
    ColumnGroup,
    CouponCount,
    LedgerAnswer,
    LedgerCell,
    LedgerQuery,
    OrderCount,
)
from fairlift_server.analysis.restated_orders import RESTATED_COLUMNS, restated_orders
from fairlift_server.analysis.statements import statements_of
from fairlift_server.analysis.unit_quantiles import read_quantile
from fairlift_server.analysis.variables import variables_of

_THREADS = 2
_SQL_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "boolean": "BOOLEAN"}


def answers(source: str | Path, queries: Sequence[LedgerQuery]) -> list[LedgerAnswer]:
    """The answers to all queries, as of one moment.

    Call it in a process of its own: DuckDB brings its own SQLite, and two copies of SQLite in one
    process drop each other's locks on the file.
    """
    with closing(duckdb.connect(config={"threads": _THREADS})) as connection:
        attach_ledger(connection, str(source))
        connection.begin()
        results = [_Answering(connection, query).answer() for query in queries]
        connection.commit()
        return results


class _Answering:
    """One query: the rows of units are worked out once, and added up in several ways."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, query: LedgerQuery) -> None:
        self._connection = connection
        self._query = query
        self._statements = statements_of(query)

    def answer(self) -> LedgerAnswer:
        query = self._query
        self._set_variables()
        if query.as_of_day is not None:
            self._restate(DayCalendar(query.time_zone).end_us(query.as_of_day))
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE units AS {self._statements.units()}"
        )
        if query.segments:
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE labels AS {self._statements.labels()}"
            )
        offsets = self._offsets()
        (self._largest,) = self._asked(self._statements.largest())
        entries = sorted(
            (read_entry(row, query) for row in self._asked(self._statements.entries(offsets))),
            key=lambda entry: (entry.variant, entry.entry_day, entry.mixed_day or 0),
        )
        segments = query.segment_group
        orders, coupons, late_amendments = self._live(offsets)
        return LedgerAnswer(
            query=query,
            entries=tuple(entries),
            cells=tuple(cell for group in query.groups for cell in self._cells(group, offsets)),
            segment_cells=()
            if segments is None
            else tuple(self._cells(segments, offsets, by_segment=True)),
            quantiles=self._quantiles(),
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
        self, offsets: Offsets
    ) -> tuple[tuple[OrderCount, ...], tuple[CouponCount, ...], int]:
        """What the query asks of now, beside the sums."""
        if self._query.live is None:
            return (), (), 0
        by_day = self._asked(self._statements.orders_by_day(offsets))
        by_coupon = self._asked(self._statements.orders_by_coupon())
        late = 0
        if self._query.late is not None:
            (row,) = self._asked(self._statements.late_amendments())
            late = int(row["late"])
        return (
            tuple(
                sorted(
                    (OrderCount(**row) for row in by_day),
                    key=lambda count: (count.day, count.variant),
                )
            ),
            tuple(
                sorted(
                    (CouponCount(**row) for row in by_coupon),
                    key=lambda count: (count.variant, count.coupon),
                )
            ),
            late,
        )

    def _last_restated(self) -> int | None:
        statements = [self._statements.last_amendment()]
        if self._query.identity_policy is not IdentityPolicy.AS_ASSIGNED:
            statements.append(self._statements.last_link())
        rows = (row for statement in statements for row in self._asked(statement))
        return max((int(row["last"]) for row in rows if row["last"] is not None), default=None)

    def _cells(
        self, group: ColumnGroup, offsets: Offsets, *, by_segment: bool = False
    ) -> list[LedgerCell]:
        exact = exact_pairs(self._largest, group)
        parted = parted_pairs(self._largest, group, exact)
        statement = self._statements.cells(
            group, offsets, by_segment=by_segment, exact=exact, parted=parted
        )
        # The order of groups is the engine's whim; the answer's is not.
        segments = self._query.segments
        rows = sorted(
            self._asked(statement), key=partial(_cell_key, labels=label_columns(segments))
        )
        return [read_cell(row, group, segments) for row in rows]

    def _quantiles(self) -> dict[str, dict[str, QuantileArm]]:
        by_variant: dict[str, dict[str, QuantileArm]] = {}
        for quantile in self._query.quantiles:
            for row in self._asked(self._statements.quantile(quantile)):
                arm = read_quantile(row, self._query, quantile)
                if arm is not None:
                    by_variant.setdefault(row["variant"], {})[quantile.metric] = arm
        return by_variant

    def _offsets(self) -> Offsets:
        """The zone's offsets over all days that are asked for: of entry, of maturity, of orders."""
        (row,) = self._asked(self._statements.span())
        if row["first"] is None:
            return ((0, 0),)
        last = row["entry"] + max(
            (maturity_us(group.maturity) for group in self._query.groups), default=0
        )
        calendar = DayCalendar(self._query.time_zone)
        (_, first), *changes = calendar.offsets(
            row["first"], max(last, row["mixed"] or 0, row["event"])
        )
        # Nothing is before the first moment: without it the statements stay the same.
        return ((0, first), *changes)

    def _set_variables(self) -> None:
        for name, value in variables_of(self._query).items():
            known = f"{value}::BIGINT" if isinstance(value, int) else quoted(value)
            self._connection.execute(f"SET VARIABLE {name} = {known}")

    def _asked(self, sql: str) -> Iterator[dict[str, Any]]:
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        for row in cursor.fetchall():
            yield dict(zip(names, row, strict=True))


def _cell_key(row: Mapping[str, Any], labels: Sequence[str]) -> tuple[Any, ...]:
    """What a row is grouped by; `Any`: a database's values."""
    days = (row["entry_day"], row["mature_day"], row["mixed_day"] or 0)
    return row["variant"], *days, *(row.get(name) or "" for name in ("segments", *labels))

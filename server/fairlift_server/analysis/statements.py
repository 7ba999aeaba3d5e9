"""The SQL of the queries of one shape. To work a text out takes longer than to answer it."""

from collections.abc import Callable, Collection, Hashable
from functools import cached_property, lru_cache

import ibis
from fairlift_stats.data.summary import Pair
from ibis.backends.sql.compilers.duckdb import compiler

from fairlift_server.analysis.cells import (
    Offsets,
    day_cells,
    entry_counts,
    largest_values,
    with_caps,
)
from fairlift_server.analysis.columns import UnitQuantile
from fairlift_server.analysis.customer_labels import label_columns, unit_labels
from fairlift_server.analysis.events import Ledger, Table
from fairlift_server.analysis.ledger_query import ColumnGroup, LedgerQuery
from fairlift_server.analysis.ledger_tables import ledger_tables
from fairlift_server.analysis.live_counts import (
    counted_orders,
    late_amendments,
    orders_by_coupon,
    orders_by_day,
)
from fairlift_server.analysis.restated_orders import last_amendment_us
from fairlift_server.analysis.unit_quantiles import quantile_rows
from fairlift_server.analysis.units import unit_rows
from fairlift_server.analysis.variables import shape_of

# Shapes of which a process keeps the texts: about 50 kB each.
_SHAPES = 256


def statements_of(query: LedgerQuery) -> "Statements":
    """The statements that answer this query, once the connection has its variables."""
    return _statements(shape_of(query))


class Statements:
    """Each text is worked out when it is first asked for.

    `units()` gives the rows of the table `units`, which all the others read, and `labels()` those
    of the table `labels`, which cells by segment read.
    """

    def __init__(self, shape: LedgerQuery) -> None:
        self._shape = shape
        self._texts: dict[Hashable, str] = {}

    def units(self) -> str:
        """One row per unit."""
        return self._text("units", lambda: self._unit_rows)

    def labels(self) -> str:
        """One row per unit whose customer is known by one of the query's segments."""
        return self._text("labels", lambda: self._label_rows)

    def span(self) -> str:
        """One row: the first and last moments of the units."""
        return self._text(
            "span",
            lambda: self._units.aggregate(
                first=self._units.first_us.min(),
                entry=self._units.first_us.max(),
                mixed=self._units.mixed_us.max(),
                event=self._units.last_us.max(),
            ),
        )

    def largest(self) -> str:
        """One row: the largest value of each column."""
        return self._text("largest", lambda: largest_values(self._units, self._shape))

    def entries(self, offsets: Offsets) -> str:
        """Units by variant and day."""
        return self._text(
            ("entries", offsets), lambda: entry_counts(self._units, self._shape, offsets)
        )

    def cells(
        self,
        group: ColumnGroup,
        offsets: Offsets,
        *,
        by_segment: bool,
        exact: Collection[Pair],
        parted: Collection[Pair],
    ) -> str:
        """Sums of a group of columns by variant and day."""
        return self._text(
            ("cells", group, offsets, by_segment, frozenset(exact), frozenset(parted)),
            lambda: day_cells(
                self._labelled_units if by_segment else self._units,
                group,
                offsets,
                segment_keys=self._segment_keys if by_segment else (),
                exact=exact,
                parted=parted,
            ),
        )

    def quantile(self, quantile: UnitQuantile) -> str:
        """A quantile of each variant."""
        return self._text(
            ("quantile", quantile), lambda: quantile_rows(self._units, self._shape, quantile)
        )

    def orders_by_day(self, offsets: Offsets) -> str:
        """Orders of the units by day."""
        return self._text(
            ("orders by day", offsets), lambda: orders_by_day(self._counted_orders, offsets)
        )

    def orders_by_coupon(self) -> str:
        """Orders of the units by coupon."""
        return self._text("orders by coupon", lambda: orders_by_coupon(self._counted_orders))

    def late_amendments(self) -> str:
        """One row: amendments that came too late for the last look."""
        return self._text(
            "late amendments", lambda: late_amendments(self._ledger, self._units, self._shape)
        )

    def last_amendment(self) -> str:
        """One row: when an order was last amended."""
        return self._text("last amendment", lambda: last_amendment_us(self._ledger.amendments))

    def last_link(self) -> str:
        """One row: when an identity was last linked."""
        links = self._ledger.identity_links
        return self._text("last link", lambda: links.aggregate(last=links.time_us.max()))

    def _text(self, key: Hashable, expression: Callable[[], Table]) -> str:
        if key not in self._texts:
            self._texts[key] = str(compiler.to_sqlglot(expression()).sql("duckdb"))
        return self._texts[key]

    @cached_property
    def _ledger(self) -> Ledger:
        return ledger_tables()

    @cached_property
    def _unit_rows(self) -> Table:
        return with_caps(unit_rows(self._ledger, self._shape), self._shape)

    @cached_property
    def _units(self) -> Table:
        return ibis.table(self._unit_rows.schema(), name="units")

    @cached_property
    def _label_rows(self) -> Table:
        return unit_labels(self._ledger, self._units, self._shape)

    @cached_property
    def _labelled_units(self) -> Table:
        if not self._shape.segments:
            return self._units
        labels = ibis.table(self._label_rows.schema(), name="labels")
        return self._units.left_join(labels, "person")

    @property
    def _segment_keys(self) -> tuple[str, ...]:
        return ("segments", *label_columns(self._shape.segments))

    @cached_property
    def _counted_orders(self) -> Table:
        return counted_orders(self._ledger, self._units, self._shape)


@lru_cache(_SHAPES)
def _statements(shape: LedgerQuery) -> Statements:
    return Statements(shape)

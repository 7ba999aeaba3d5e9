"""Measures on lines, beside each order: they are added up per order before anything else is."""

from collections.abc import Iterable, Sequence
from typing import Final

import ibis
from fairlift.engine.metric import LineMeasure, LineOf

from fairlift_server.analysis.columns import UnitColumn, measures_behind, name_of_lines
from fairlift_server.analysis.ledger_tables import LEDGER_COLUMNS
from fairlift_server.analysis.untyped import Table, Value
from fairlift_server.events.order_standing import PICOS

RESTATED_LINES: Final = "restated_lines"
# The lines of orders that were ever corrected, as they stood for a query.
RESTATED_LINE_COLUMNS: Final = {"query_id": "int64", **LEDGER_COLUMNS["order_lines"]}


def line_measures(columns: Iterable[UnitColumn]) -> list[LineMeasure]:
    """The measures on lines that some column needs, each once."""
    measures = (each for each in measures_behind(columns) if isinstance(each, LineMeasure))
    return list(dict.fromkeys(measures))


def with_line_amounts(
    orders: Table, lines: Table, measures: Sequence[LineMeasure], *, restates: bool
) -> Table:
    """The orders with one more column for each measure, in whole numbers; money in micros.

    Args:
        orders: of persons, with the query that they are for.
        lines: of the ledger, as they stand now.
        measures: each becomes the column `name_of_lines(measure)`.
        restates: some stood otherwise at the moment of a query.
    """
    numbers = range(len(measures))
    now = _line_sums(lines.semi_join(orders, "order_id").mutate(), ["order_id"], measures)
    now = now.rename(of_order="order_id")
    joined = orders.left_join(now, orders.order_id == now.of_order)
    rows = joined.drop("of_order").mutate()
    if restates:
        then = _line_sums(
            ibis.table(RESTATED_LINE_COLUMNS, name=RESTATED_LINES),
            ["query_id", "order_id"],
            measures,
        )
        then = then.rename(
            then_query_id="query_id",
            then_order="order_id",
            **{f"then{n}": f"line{n}" for n in numbers},
        )
        joined = rows.left_join(
            then, [rows.query_id == then.then_query_id, rows.order_id == then.then_order]
        )
        rows = joined.mutate()
        rows = rows.mutate(
            **{
                f"line{n}": ibis.ifelse(
                    rows.then_order.notnull(), rows[f"then{n}"], rows[f"line{n}"]
                )
                for n in numbers
            }
        )
    return rows.select(
        *orders.columns,
        **{
            name_of_lines(measure): _in_shop_currency(rows, rows[f"line{n}"], measure)
            for n, measure in enumerate(measures)
        },
    ).mutate()


def _line_sums(lines: Table, keys: list[str], measures: Sequence[LineMeasure]) -> Table:
    return lines.group_by(keys).aggregate(
        **{f"line{n}": _sum(lines, measure) for n, measure in enumerate(measures)}
    )


def _sum(lines: Table, measure: LineMeasure) -> Value:
    """What the lines of one order add up to, in the order's own currency."""
    match measure.of:
        case LineOf.REVENUE:
            amount = lines.quantity * lines.unit_price_micros
        case LineOf.ITEMS:
            amount = lines.quantity
        case LineOf.ORDERS:
            return ibis.ifelse(_counts(lines, measure), 1, 0).max()
    return ibis.ifelse(_counts(lines, measure), amount, 0).sum()


def _counts(lines: Table, measure: LineMeasure) -> Value:
    wanted = (
        (lines.kind, [kind.value for kind in measure.kinds]),
        (lines.category, measure.categories),
        (lines.product_id, measure.products),
    )
    conditions = [column.isin(list(values)) for column, values in wanted if values]
    return ibis.and_(*conditions) if conditions else ibis.literal(True)


def _in_shop_currency(orders: Table, total: Value, measure: LineMeasure) -> Value:
    """Rounded half up to a micro, as the order's own amounts are."""
    whole = ibis.coalesce(total.cast("int64"), 0)
    if measure.of is not LineOf.REVENUE:
        return whole
    # A rate has more digits than whole numbers of an engine hold when multiplied.
    exchanged = whole.cast("float64") * (orders.rate_picos.cast("float64") / PICOS)
    rounded = (exchanged + 0.5).floor().cast("int64")
    return ibis.ifelse(orders.rate_picos.isnull() | (orders.rate_picos == PICOS), whole, rounded)

"""Orders as they stood at a moment: what was refunded or cancelled later had not happened yet.

An order's row holds its amounts as restated by all amendments so far. A look of a past day needs
them as restated until then, or it would depend on the day on which it is made.
"""

from typing import Any, TypeAlias

import ibis

# Ibis is published without types.
Table: TypeAlias = Any
Value: TypeAlias = Any

_MICROS = 1_000_000


def orders_as_of(orders: Table, amendments: Table, end_us: int) -> Table:
    """The orders with only those amendments whose time lies before this moment."""
    before = _sums_before(amendments, end_us)
    joined = orders.left_join(before, orders.order_id == before.order_id)
    is_restated_later = before.last_us.fill_null(end_us - 1) >= end_us
    ticket = orders.goods_micros - orders.discount_micros
    spent = orders.cost_micros - before.recovered_micros + orders.shipping_cost_micros
    net = ticket - before.amount_micros
    restated: dict[str, Value] = {
        "cancelled": before.is_cancelled,
        "refunded_micros": before.amount_micros,
        "shop_net_revenue_micros": _worth(before, net, orders.rate_micros),
        "shop_profit_micros": _worth(before, net - spent, orders.rate_micros),
    }
    return joined.select(
        *[orders[name] for name in orders.columns if name not in restated],
        **{
            name: ibis.ifelse(is_restated_later, value, orders[name])
            for name, value in restated.items()
        },
    ).mutate()


def last_amendment_us(amendments: Table) -> Table:
    """One row: the time of the newest amendment of an order."""
    return _applied(amendments).aggregate(last=amendments.time_us.max())


def _applied(amendments: Table) -> Table:
    return amendments.filter(amendments.status == "applied")


def _sums_before(amendments: Table, end_us: int) -> Table:
    """One row per amended order: the sums of its amendments before the moment."""
    applied = _applied(amendments)
    is_before = applied.time_us < end_us
    return (
        applied.group_by("order_id")
        .aggregate(
            last_us=applied.time_us.max(),
            amount_micros=ibis.ifelse(is_before, applied.amount_micros, 0).sum().cast("int64"),
            recovered_micros=ibis.ifelse(is_before, applied.recovered_cost_micros, 0)
            .sum()
            .cast("int64"),
            is_cancelled=ibis.ifelse(is_before, applied.cancels, 0).max() == 1,
        )
        .mutate()
    )


def _worth(before: Table, amount: Value, rate: Value) -> Value:
    """An amount in the shop's currency, rounded half up to a micro; 0 of a cancelled order.

    The ledger's `exchanged`, in parts that fit into 64 bits: whole units, and what is left.
    """
    # Of a negative amount engines leave a negative rest.
    rest = (amount % _MICROS + _MICROS) % _MICROS
    units = ((amount - rest) / _MICROS).round().cast("int64")
    shop_micros = units * rate + ((rest * rate + _MICROS // 2) / _MICROS).floor().cast("int64")
    return ibis.ifelse(before.is_cancelled, 0, shop_micros)

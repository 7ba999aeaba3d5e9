"""Quantiles of what units do: order statistics, worked out by the engine."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ibis
from fairlift_stats.errors import TooFewUnits
from fairlift_stats.methods.quantiles import QuantileArm, Z, ranks

from fairlift_server.analysis.cells import is_mature
from fairlift_server.analysis.columns import MICROS, UnitColumn, UnitQuantile
from fairlift_server.analysis.events import Table, Value
from fairlift_server.analysis.ledger_query import LedgerQuery


def quantile_rows(rows: Table, query: LedgerQuery, quantile: UnitQuantile) -> Table:
    """One row per variant: its units, and the values around the quantile and its limits.

    Of the units that count at the end of the query's day and met one variant only.
    """
    counted = rows.filter(rows.mixed_us.isnull() & is_mature(rows, _column(query, quantile), query))
    value = counted[quantile.column].cast("float64")
    by_variant = ibis.window(group_by="variant")
    n = value.count().over(by_variant).cast("float64")
    half = Z * (ibis.literal(quantile.at * (1 - quantile.at), "float64") / n).sqrt()
    levels = (quantile.at, quantile.at - half, quantile.at + half)
    ranked = counted.mutate(
        value=value,
        rank=ibis.row_number().over(ibis.window(group_by="variant", order_by=value)),
        **{f"at{k}": (n - 1) * level for k, level in enumerate(levels)},
    )
    places = {f"at{k}": ranked[f"at{k}"].max() for k in range(3)}
    neighbours = {
        name: neighbour for k in range(3) for name, neighbour in _neighbours(ranked, k).items()
    }
    limits = ranked.group_by("variant").aggregate(n=ranked.count(), **places, **neighbours)
    return _with_largest_tie(limits, ranked)


def _with_largest_tie(limits: Table, ranked: Table) -> Table:
    """How often the most frequent value between the limits occurs."""
    values = ranked.group_by(["variant", "value"]).aggregate(times=ranked.count())
    low, high = _interpolated(limits, 1), _interpolated(limits, 2)
    joined = values.join(limits.mutate(low=low, high=high), "variant")
    between = joined.filter((joined.value >= joined.low) & (joined.value <= joined.high))
    ties = between.group_by("variant").aggregate(largest_tie=between.times.max())
    return limits.left_join(ties, "variant").drop("variant_right")


def _interpolated(limits: Table, k: int) -> Value:
    """The value at a place between two ranks."""
    place = limits[f"at{k}"]
    low, high = limits[f"low{k}"], limits[f"high{k}"]
    return low + (place - place.floor()) * (high - low)


def read_quantile(
    row: Mapping[str, Any], query: LedgerQuery, quantile: UnitQuantile
) -> QuantileArm | None:
    """A row of `quantile_rows`; None where there are too few units. `Any`: a database's values.

    Between two values as numpy and R (type 7) have it.
    """
    n, unit = int(row["n"]), 1 / MICROS if _column(query, quantile).is_money else 1
    with suppress(TooFewUnits):
        ranks(n, quantile.at)
        sides = [[row[f"{part}{k}"] for part in ("at", "low", "high")] for k in range(3)]
        value, lower, upper = [
            (low + math.modf(at)[0] * (high - low)) * unit for at, low, high in sides
        ]
        # Where no value lies between the limits, all that are near differ.
        tie = int(row["largest_tie"] or 1)
        return QuantileArm(n, quantile.at, value, lower, upper, largest_tie=tie)
    return None


def _neighbours(ranked: Table, k: int) -> dict[str, Value]:
    """The values on both sides of a place."""
    place = ranked[f"at{k}"]
    return {
        f"low{k}": ranked.value.max(where=ranked["rank"] == place.floor()),
        f"high{k}": ranked.value.max(where=ranked["rank"] == place.ceil()),
    }


def _column(query: LedgerQuery, quantile: UnitQuantile) -> UnitColumn:
    return next(column for column in query.columns if column.name == quantile.column)

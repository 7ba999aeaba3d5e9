"""Quantiles of what units do: order statistics, worked out by the engine."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import ibis
from fairlift_stats.errors import TooFewUnits
from fairlift_stats.methods.quantiles import QuantileArm, Z, ranks

from fairlift_server.analysis.columns import UnitColumn
from fairlift_server.analysis.query_tables import query_table
from fairlift_server.analysis.units import is_mature
from fairlift_server.analysis.untyped import Table, Value

_ARM: Final = ["query_id", "variant"]


def quantile_rows(persons: Table, units: Table, column: UnitColumn, at: float) -> Table:
    """One row per query and variant: its units, and the values around the quantile and its limits.

    Of the units that count at the end of the query's day and met one variant only.

    Args:
        persons: all that were exposed.
        units: those that did something, with their columns.
        column: whose quantile is wanted.
        at: the share of units that do not exceed it.
    """
    numbers = units.select("query_id", "person", value=units[column.name].cast("float64"))
    joined = persons.left_join(
        numbers, [persons.query_id == numbers.query_id, persons.person == numbers.person]
    )
    rows = joined.select(
        *[persons[name] for name in ("query_id", "variant", "first_us", "mixed_us")],
        value=ibis.coalesce(numbers.value, 0.0),
    ).mutate()
    queries = query_table().rename(number="query_id")
    rows = (
        rows.join(queries, rows.query_id == queries.number).select(*rows.columns, "end_us").mutate()
    )
    counted = rows.filter(rows.mixed_us.isnull() & is_mature(rows, column)).mutate()
    by_variant = ibis.window(group_by=_ARM)
    n = counted.value.count().over(by_variant).cast("float64")
    half = Z * (ibis.literal(at * (1 - at), "float64") / n).sqrt()
    levels = (at, at - half, at + half)
    ranked = counted.mutate(
        rank=ibis.row_number().over(ibis.window(group_by=_ARM, order_by=counted.value)),
        **{f"at{k}": (n - 1) * level for k, level in enumerate(levels)},
    )
    places = {f"at{k}": ranked[f"at{k}"].max() for k in range(3)}
    neighbours = {
        name: neighbour for k in range(3) for name, neighbour in _neighbours(ranked, k).items()
    }
    limits = ranked.group_by(_ARM).aggregate(n=ranked.count(), **places, **neighbours)
    return _with_largest_tie(limits, ranked)


def _with_largest_tie(limits: Table, ranked: Table) -> Table:
    """How often the most frequent value between the limits occurs."""
    values = ranked.group_by([*_ARM, "value"]).aggregate(times=ranked.count())
    bounds = limits.select(*_ARM, low=_interpolated(limits, 1), high=_interpolated(limits, 2))
    joined = values.join(
        bounds, [values.query_id == bounds.query_id, values.variant == bounds.variant]
    )
    between = (
        joined.filter((values.value >= bounds.low) & (values.value <= bounds.high))
        .select(query_id=values.query_id, variant=values.variant, times=values.times)
        .mutate()
    )
    ties = between.group_by(_ARM).aggregate(largest_tie=between.times.max())
    joined = limits.left_join(
        ties, [limits.query_id == ties.query_id, limits.variant == ties.variant]
    )
    return joined.select(
        *[limits[name] for name in limits.columns], largest_tie=ties.largest_tie
    ).mutate()


def _interpolated(limits: Table, k: int) -> Value:
    """The value at a place between two ranks."""
    place = limits[f"at{k}"]
    low, high = limits[f"low{k}"], limits[f"high{k}"]
    return low + (place - place.floor()) * (high - low)


def read_quantile(row: Mapping[str, Any], column: UnitColumn, at: float) -> QuantileArm | None:
    """A row of `quantile_rows`; None where there are too few units. `Any`: a database's values.

    Between two values as numpy and R (type 7) have it.
    """
    n, unit = int(row["n"]), column.unit
    with suppress(TooFewUnits):
        ranks(n, at)
        sides = [[row[f"{part}{k}"] for part in ("at", "low", "high")] for k in range(3)]
        value, lower, upper = [
            (low + math.modf(place)[0] * (high - low)) * unit for place, low, high in sides
        ]
        # Where no value lies between the limits, all that are near differ.
        tie = int(row["largest_tie"] or 1)
        return QuantileArm(n, at, value, lower, upper, largest_tie=tie)
    return None


def _neighbours(ranked: Table, k: int) -> dict[str, Value]:
    """The values on both sides of a place."""
    place = ranked[f"at{k}"]
    return {
        f"low{k}": ranked.value.max(where=ranked["rank"] == place.floor()),
        f"high{k}": ranked.value.max(where=ranked["rank"] == place.ceil()),
    }

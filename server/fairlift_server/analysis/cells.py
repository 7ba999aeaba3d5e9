"""From one row per unit to sums per cell, and from those to summaries."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ibis
from fairlift.engine.metric import CapAtQuantile
from fairlift_stats.data.summary import Summary
from fairlift_stats.errors import TooFewUnits
from fairlift_stats.methods.quantiles import QuantileArm, Z, ranks

from fairlift_server.analysis.columns import MICROS, UnitColumn, UnitQuantile
from fairlift_server.analysis.question import Cell, Question
from fairlift_server.analysis.units import Table


def cells(rows: Table, question: Question) -> Table:
    """One row per variant and contamination (and segment): counts, sums, products, thirds."""
    rows, keys = _capped(rows, question.columns), ["variant", "is_contaminated"]
    if question.segment:
        label = rows.segments.cast("json")[question.segment].str
        rows, keys = rows.mutate(segment=ibis.coalesce(label, "")), [*keys, "segment"]
    rows = rows.mutate(
        **{
            name: part
            for i, quantile in enumerate(question.quantiles)
            for name, part in _places(rows, keys, i, quantile).items()
        }
    )
    # Double before multiplying: products of integers overflow, on some engines in silence.
    double = {column.name: rows[column.name].cast("float64") for column in question.columns}
    return rows.group_by(keys).aggregate(
        n=rows.count(),
        first_us=rows.first_us.min(),
        last_us=rows.last_us.max(),
        **{f"s{i}": rows[column.name].sum() for i, column in enumerate(question.columns)},
        **{f"p{i}": (double[a] * double[b]).sum() for i, (a, b) in enumerate(question.products)},
        **{
            f"t{i}": (double[a] * double[b] * double[c]).sum()
            for i, (a, b, c) in enumerate(question.thirds)
        },
        **{
            name: part
            for i, quantile in enumerate(question.quantiles)
            for name, part in _neighbours(rows, i, double[quantile.column]).items()
        },
    )


def cell(row: Mapping[str, Any], question: Question) -> Cell:
    """The cell that a row of `cells` holds; `Any`: a database's values."""
    columns = question.columns
    summary = Summary.from_sums(
        int(row["n"]),
        {column.name: row[f"s{i}"] for i, column in enumerate(columns)},
        {pair: row[f"p{i}"] for i, pair in enumerate(question.products)},
        {triple: row[f"t{i}"] for i, triple in enumerate(question.thirds)},
    )
    return Cell(
        variant=row["variant"],
        segment=row.get("segment") or "",
        is_contaminated=bool(row["is_contaminated"]),
        summary=summary.scaled({c.name: 1 / MICROS for c in columns if c.is_money}),
        first_us=int(row["first_us"]),
        last_us=int(row["last_us"]),
        quantiles=_quantiles(row, question),
    )


def _places(rows: Table, keys: list[str], i: int, quantile: UnitQuantile) -> dict[str, Any]:
    """The rank of each unit by a column, from 0, and the places of the quantile and its limits."""
    rank = ibis.row_number().over(ibis.window(group_by=keys, order_by=rows[quantile.column]))
    n = rows[quantile.column].count().over(ibis.window(group_by=keys)).cast("float64")
    spread = ibis.literal(quantile.at * (1 - quantile.at), "float64")
    half = Z * (spread / n).sqrt()
    levels = (quantile.at, quantile.at - half, quantile.at + half)
    return {f"rank{i}": rank} | {f"at{i}_{k}": (n - 1) * level for k, level in enumerate(levels)}


def _neighbours(rows: Table, i: int, value: Any) -> dict[str, Any]:
    """Each place with the values on both sides of it."""
    found: dict[str, Any] = {}
    for k in range(3):
        place, rank = rows[f"at{i}_{k}"], rows[f"rank{i}"]
        found |= {
            f"at{i}_{k}": place.max(),
            f"lo{i}_{k}": value.max(where=rank == place.floor()),
            f"hi{i}_{k}": value.max(where=rank == place.ceil()),
        }
    return found


def _quantiles(row: Mapping[str, Any], question: Question) -> dict[str, QuantileArm]:
    """Quantiles by metric, without those for which there are too few units.

    Between two values as numpy and R (type 7) have it.
    """
    found, money = {}, {column.name for column in question.columns if column.is_money}
    for i, quantile in enumerate(question.quantiles):
        n, unit = int(row["n"]), 1 / MICROS if quantile.column in money else 1
        with suppress(TooFewUnits):
            ranks(n, quantile.at)
            sides = [[row[f"{part}{i}_{k}"] for part in ("at", "lo", "hi")] for k in range(3)]
            three = [(low + math.modf(at)[0] * (high - low)) * unit for at, low, high in sides]
            found[quantile.metric] = QuantileArm(n, quantile.at, *three)
    return found


def _capped(rows: Table, columns: tuple[UnitColumn, ...]) -> Table:
    """Values above the quantile of the positive ones, of all arms together, count as it."""
    found = {}
    for column in columns:
        if isinstance(column.cap, CapAtQuantile):
            value = rows[column.name]
            positive = ibis.ifelse(value > 0, value, ibis.null(value.type()))
            cap = positive.quantile(column.cap.quantile).over(ibis.window())
            found[column.name] = ibis.least(value.cast("float64"), cap.cast("float64"))
    return rows.mutate(**found) if found else rows

"""From one row per unit to sums per cell, and from those to summaries."""

from collections.abc import Mapping
from typing import Any

import ibis
from fairlift.engine.metric import CapAtQuantile
from fairlift_stats.summary import Summary

from fairlift_server.analysis.columns import MICROS, UnitColumn
from fairlift_server.analysis.question import Cell, Question
from fairlift_server.analysis.units import Table


def cells(rows: Table, question: Question) -> Table:
    """One row per variant and contamination (and segment): counts, sums, products, thirds."""
    rows = _capped(rows, question.columns)
    keys = {"variant": rows.variant, "is_contaminated": rows.is_contaminated}
    if question.segment:
        label = rows.segments.cast("json")[question.segment].str
        keys["segment"] = ibis.coalesce(label, "")
    # Double before multiplying: products of integers overflow, on some engines in silence.
    double = {column.name: rows[column.name].cast("float64") for column in question.columns}
    return rows.group_by(**keys).aggregate(
        n=rows.count(),
        first_us=rows.first_us.min(),
        last_us=rows.last_us.max(),
        **{f"s{i}": rows[column.name].sum() for i, column in enumerate(question.columns)},
        **{f"p{i}": (double[a] * double[b]).sum() for i, (a, b) in enumerate(question.products)},
        **{
            f"t{i}": (double[a] * double[b] * double[c]).sum()
            for i, (a, b, c) in enumerate(question.thirds)
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
    )


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

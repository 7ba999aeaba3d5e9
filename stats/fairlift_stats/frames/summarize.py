"""summarize(frame): one row per unit goes in, a summary per variant comes out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fairlift_stats.data.metrics import Metric
from fairlift_stats.data.moments import thirds_of
from fairlift_stats.data.summary import Summary, Triple, all_pairs
from fairlift_stats.frames.checks import (
    check_labels,
    check_names,
    check_numbers,
    check_shares,
    check_units,
    check_values,
)
from fairlift_stats.frames.opening import open_frame
from fairlift_stats.frames.request import FrameMetric, frame_columns, listed_metrics, plain_metrics
from fairlift_stats.frames.table import Cells, Column, Label, NeededSums

__all__ = ["by_variant", "summarize"]


def summarize(
    frame: object,
    by: str = "variant",
    *,
    columns: Sequence[str] | None = None,
    metrics: FrameMetric | Iterable[FrameMetric] = (),
    unit: str | None = None,
) -> dict[str, Summary]:
    """The summary of each variant, from a frame with one row per unit.

    Summaries are what every statistic here takes: `compare`, `Analysis.report`, `decompose`, a
    `Look`. They add up over days and shops.

    Args:
        frame: as for `analyze`.
        by: the column of the variants.
        columns: what to add up; without it what the metrics need, or else every column of numbers.
        metrics: whose columns, and whose third moments for the warnings of skewness, are needed.
        unit: the column of the units' ids; with it, units with several rows are refused.

    Raises:
        BadFrame, MissingColumn: as for `analyze`.

    >>> import pandas as pd
    >>> visitors = pd.DataFrame({"variant": ["a", "a", "b"], "revenue": [0, 20, 30]})
    >>> summarize(visitors)["a"].mean("revenue")
    10.0
    """
    table = open_frame(frame)
    listed = listed_metrics("metrics", metrics)
    of_metrics = frame_columns(listed, {})
    check_names(table, (by, *([unit] if unit else []), *(columns or ()), *of_metrics.all))
    named = tuple(dict.fromkeys((*(columns or ()), *of_metrics.all)))
    if not named:
        others = [name for name in table.columns if name not in (by, unit)]
        named = tuple(name for name in others if table.kind(name).is_number)
    check_numbers(table, named)
    labels = check_labels(table, by)
    facts = table.facts(named)
    check_values(facts, ())
    check_shares(facts, of_metrics.shares)
    if unit is not None:
        check_units(table, unit, by)
    thirds: dict[Triple, None] = dict.fromkeys((name,) * 3 for name in named)
    thirds |= dict.fromkeys(thirds_of(_plain_metrics(listed)))
    summed = tuple(Column(name, name) for name in named)
    cells = table.cells(NeededSums(summed, all_pairs(named), tuple(thirds)), (by,))
    return by_variant(cells, {label: str(label) for label in sorted(labels, key=str)})


def by_variant(cells: Cells, variants: Mapping[Label, str]) -> dict[str, Summary]:
    """The summaries of a split by variant alone, by the variants' names."""
    return {name: cells[label,] for label, name in variants.items()}


def _plain_metrics(metrics: Iterable[FrameMetric]) -> Iterator[Metric]:
    for metric in metrics:
        yield from plain_metrics(metric)

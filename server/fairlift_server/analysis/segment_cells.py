"""Cells by segment: by each text of an exposure, or by the largest labels where texts are many."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any, Final

from fairlift_server.analysis.cells import DayKeys, additions_of
from fairlift_server.analysis.ledger_cell import LedgerCell
from fairlift_server.analysis.ledger_query import LedgerQuery
from fairlift_server.analysis.read_cells import group_cells
from fairlift_server.analysis.segment_labels import (
    MOST_TEXTS,
    CappedLabels,
    capped_labels,
    label_columns,
    labels_text,
)
from fairlift_server.analysis.shape_rows import ShapeRows
from fairlift_server.analysis.untyped import Row, by_query


@dataclass(frozen=True, slots=True)
class SegmentCells:
    """The cells of one query that are cut by segments.

    Attributes:
        cells: of every group, and of every part of the attributes.
        are_capped: labels that are not among the largest are one.
    """

    cells: tuple[LedgerCell, ...] = ()
    are_capped: bool = False


NO_SEGMENTS: Final = SegmentCells()


def segment_cells(
    rows: ShapeRows, queries: Mapping[int, LedgerQuery], keys: DayKeys, extremes: Row
) -> dict[int, SegmentCells]:
    """By query, its cells by segment.

    Args:
        rows: of the queries' shape.
        queries: by number.
        keys: days that cells are cut by, too.
        extremes: of the columns.
    """
    if rows.number_of_texts() <= MOST_TEXTS:
        by_text = replace(keys, segments=("segments", *label_columns(rows.segments)))
        cells = _cells(
            rows,
            queries,
            by_text,
            extremes,
            lambda query, row: labels_text(row, query.segments, query.bands),
        )
        return {number: SegmentCells(tuple(of_query)) for number, of_query in cells.items()}
    return _capped(rows, queries, keys, extremes)


def _capped(
    rows: ShapeRows, queries: Mapping[int, LedgerQuery], keys: DayKeys, extremes: Row
) -> dict[int, SegmentCells]:
    texts = by_query(rows.texts())
    capped: dict[int, CappedLabels] = {
        number: capped_labels(texts.get(number, []), query.segments, query.bands)
        for number, query in queries.items()
    }
    rows.put_labels([(number, *row) for number, each in capped.items() for row in each.rows])
    of_query: dict[int, list[LedgerCell]] = defaultdict(list)
    for part in range(max((each.parts for each in capped.values()), default=0)):
        by_labels = replace(keys, segments=("labels",), part=part)
        cells = _cells(
            rows,
            queries,
            by_labels,
            extremes,
            lambda _query, row: capped[row["query_id"]].texts[row["labels"]],
        )
        for number, of_part in cells.items():
            of_query[number] += of_part
    return {number: SegmentCells(tuple(cells), True) for number, cells in of_query.items()}


def _cells(
    rows: ShapeRows,
    queries: Mapping[int, LedgerQuery],
    keys: DayKeys,
    extremes: Row,
    text_of: Callable[[LedgerQuery, Row], str],
) -> dict[int, list[LedgerCell]]:
    groups = rows.segment_groups
    additions = additions_of(groups, extremes)
    counts, sums = by_query(rows.counts(keys)), by_query(rows.sums(keys, additions.values()))
    return {
        number: [
            cell
            for group in groups
            for cell in group_cells(
                group,
                keys,
                counts.get(number, []),
                sums.get(number, []),
                additions,
                text_of=_remembered(partial(text_of, query), keys.segments),
            )
        ]
        for number, query in queries.items()
    }


def _remembered(text_of: Callable[[Row], str], columns: Sequence[str]) -> Callable[[Row], str]:
    """The same text for rows that are alike in these columns: there is a row for each day."""
    texts: dict[Any, str] = {}
    key_of = itemgetter(*columns)

    def remembered(row: Row) -> str:
        key = key_of(row)
        if key not in texts:
            texts[key] = text_of(row)
        return texts[key]

    return remembered

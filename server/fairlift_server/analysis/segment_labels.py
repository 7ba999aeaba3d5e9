"""Labels of segments, from what exposures say and what is known of their customers.

The text of an exposure is read here, in Python: engines have no common way to read JSON.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from fairlift.engine.plan_lists import SegmentBands

from fairlift_server.analysis.untyped import Row

# More labels than this are no segments; the smallest are shown as one.
MOST_LABELS: Final = 20
OTHERS: Final = "(others)"
ABSENT: Final = "(none)"
NOT_A_NUMBER: Final = "(not a number)"
# More texts than this are not added up apart: their smallest labels are made one before.
MOST_TEXTS: Final = 2_000
# Attributes whose labels have more combinations than this are added up one after the other.
_MOST_COMBINATIONS: Final = 10_000
# Narrower than `float`, which also reads 1_000, inf, and digits of other scripts.
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def label_columns(segments: Iterable[object]) -> tuple[str, ...]:
    """The columns with what is known by each segment, in their order."""
    return tuple(f"known_label{number}" for number, _name in enumerate(segments))


def labels_text(row: Row, segments: Sequence[str], bands: Sequence[SegmentBands]) -> str:
    """The labels of a row as a text that `label_of` reads."""
    return _text(_row_labels(row, segments, bands))


def label_of(text: str, attribute: str) -> str | None:
    """The label of an attribute in the text of a cell; None where it is not cut by it."""
    read = _labels(text)
    if isinstance(read, dict):
        # Answers that were kept by earlier versions leave out what is absent.
        return str(read.get(attribute) or ABSENT)
    return next((label for name, label in read if name == attribute), None)


@lru_cache(maxsize=MOST_TEXTS)
def _labels(text: str) -> Any:
    return json.loads(text or "{}")


@dataclass(frozen=True, slots=True)
class CappedLabels:
    """What the texts of one query become where there are too many.

    Attributes:
        parts: each a number of attributes that are added up together.
        texts: by number, the labels of the cells of a part.
        rows: part, the columns of a text, and the number of its labels.
    """

    parts: int
    texts: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def capped_labels(
    texts: Sequence[Row], segments: Sequence[str], bands: Sequence[SegmentBands]
) -> CappedLabels:
    """The largest labels of each attribute, and all others as one.

    Args:
        texts: each text of a query, with its number of units.
        segments: names of the attributes.
        bands: of the numeric ones.
    """
    units: dict[str, Counter[str]] = {name: Counter() for name in segments}
    labels = [_row_labels(row, segments, bands) for row in texts]
    for row, by_name in zip(texts, labels, strict=True):
        for name, label in by_name.items():
            units[name][label] += int(row["units"])
    kept = {name: largest(counter) for name, counter in units.items()}
    numbers: dict[str, int] = {}
    rows = []
    parts = _parts(kept)
    for number, names in enumerate(parts):
        for row, by_name in zip(texts, labels, strict=True):
            text = _text(
                {name: by_name[name] if by_name[name] in kept[name] else OTHERS for name in names}
            )
            place = numbers.setdefault(text, len(numbers))
            rows.append((number, *text_columns(row, segments), place))
    return CappedLabels(len(parts), tuple(numbers), tuple(rows))


def largest(units: Mapping[str, int]) -> frozenset[str]:
    """The labels with the most units; of equally many the one that sorts first."""
    ranked = sorted(units, key=lambda label: (-units[label], label))
    return frozenset(ranked[:MOST_LABELS])


def text_columns(row: Row, segments: Sequence[str]) -> tuple[str, ...]:
    """What tells one text from another: the exposure's, and what is known beside."""
    return tuple(row[name] or "" for name in ("segments", *label_columns(segments)))


def _row_labels(row: Row, segments: Sequence[str], bands: Sequence[SegmentBands]) -> dict[str, str]:
    """The label of each attribute; what the exposure says holds."""
    sent = json.loads(row["segments"] or "{}")
    known = {
        name: row[column] for column, name in zip(label_columns(segments), segments, strict=True)
    }
    labels = {name: str(sent.get(name) or known[name] or "") for name in segments}
    for each in bands:
        labels[each.attribute] = _band(labels[each.attribute], each)
    return {name: label or ABSENT for name, label in labels.items()}


def _band(label: str, bands: SegmentBands) -> str:
    if not label:
        return ""
    text = label.strip()
    if not _NUMBER.fullmatch(text) or not isfinite(value := float(text)):
        return NOT_A_NUMBER
    return bands.label(value)


def _parts(kept: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Attributes whose labels have few enough combinations, together."""
    parts: list[list[str]] = []
    combinations = _MOST_COMBINATIONS
    for name, labels in kept.items():
        combinations *= len(list(labels)) + 1
        if combinations > _MOST_COMBINATIONS:
            parts.append([])
            combinations = len(list(labels)) + 1
        parts[-1].append(name)
    return parts


def _text(labels: Mapping[str, str]) -> str:
    return json.dumps(list(labels.items()), ensure_ascii=False, separators=(",", ":"))

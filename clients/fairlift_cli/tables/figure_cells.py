"""Cells of a table's row, read from fields of a message."""

import math

from fairlift.v1.value_pb2 import Interval
from fairlift_report.spreadsheets import SheetCell, SheetRow
from google.protobuf.message import Message

__all__ = ["enum_word", "figure_cells"]


def figure_cells(name: str, message: Message, interval: Interval | None = None) -> SheetRow:
    """The figure with its interval; a row with its name alone when there is neither."""
    cells: dict[str, SheetCell] = {"figure": name}
    if message.HasField(name):
        cells["value"] = _finite(getattr(message, name))
    if interval is not None and (interval.HasField("lower") or interval.HasField("upper")):
        cells |= {
            "lower": _finite(interval.lower) if interval.HasField("lower") else None,
            "upper": _finite(interval.upper) if interval.HasField("upper") else None,
            "confidence": interval.confidence or None,
        }
    return cells


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def enum_word(name: str, prefix: str) -> str | None:
    """The name of an enum's value without its prefix; None where none is set."""
    word = name.removeprefix(prefix).lower()
    return None if word == "unspecified" else word

"""Winsorizing: one cap for all arms, so that a single huge basket cannot decide a test."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fairlift_stats.data.summary import Summary
from fairlift_stats.errors import BadQuestion, BadSummary, MissingColumn, TooFewUnits

__all__ = ["capped", "pooled_cap"]


def pooled_cap(arms: Mapping[str, npt.ArrayLike], *, level: float = 0.99) -> float:
    """The quantile of all arms' non-zero values together: above it, values count as the cap.

    Cap values, never drop them: dropping biases the lift. Report the capped metric next to the raw
    one, and choose before the start which of them decides.

    Args:
        arms: values per unit, by variant.
        level: which quantile.

    Raises:
        BadQuestion: the level is outside (0, 1).
        TooFewUnits: all values are zero, or hardly any is above it.
        BadSummary: a value is not finite.
    """
    if not 0 < level < 1:
        raise BadQuestion(f"level: is {level}, must lie between 0 and 1, e.g. 0.99")
    flat = [np.ravel(np.asarray(arm, dtype=float)) for arm in arms.values()]
    values = np.concatenate([np.empty(0), *flat])
    if not np.isfinite(values).all():
        raise BadSummary("values: hold one that is not finite; leave out what is not known")
    nonzero = values[values != 0]
    cap = float(np.quantile(nonzero, level)) if len(nonzero) else 0.0
    if cap <= 0:
        raise TooFewUnits(f"values: their cap would be {cap:g}, so there is nothing to cap")
    return cap


def capped(
    rows: Mapping[str, npt.ArrayLike], column: str, cap: float, *, name: str | None = None
) -> Summary:
    """Summary of rows with one more column: the capped one, `{column}_capped` unless named.

    Raises:
        BadQuestion: the cap is not above 0.
        MissingColumn: there is no such column.
        BadSummary: as `Summary.from_rows`.

    >>> s = capped({"revenue": [0.0, 20.0, 5_000.0]}, "revenue", 300.0)
    >>> s.sum("revenue"), s.sum("revenue_capped")
    (5020.0, 320.0)
    """
    if not cap > 0:
        raise BadQuestion(f"cap: is {cap}, must be above 0")
    if column not in rows:
        raise MissingColumn(f"column {column!r} is not in the rows, which have {[*rows]}")
    limited = np.minimum(np.asarray(rows[column], dtype=float), cap)
    return Summary.from_rows({**rows, name or f"{column}_capped": limited})

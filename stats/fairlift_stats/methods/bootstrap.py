"""Poisson bootstrap: intervals of statistics that have no formula."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fairlift_stats.arrays import Array
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary, NoEstimate, TooFewUnits
from fairlift_stats.methods.one_rate import checked_confidence

__all__ = ["bootstrap_interval", "bootstrap_sums", "poisson_weights"]

Ids: TypeAlias = npt.NDArray[np.uint64]

LEAST_REPLICATES = 100

# P(Poisson(1) ≤ k) for k = 0, 1, …: beyond 16 there is less than 2⁻⁵³ left.
_MASS = np.exp(-1.0) / np.cumprod(np.concatenate([[1.0], np.arange(1.0, 17.0)]))
_CUMULATIVE = np.cumsum(_MASS)


def poisson_weights(ids: Ids, replicate: int) -> Array:
    """(units,) Poisson(1) weights of one replicate, a pure function of unit and replicate.

    A unit has the same weight wherever its rows are read, so sums can be added in any order and on
    any machine.

    Args:
        ids: (units,) uint64, a well-mixed hash of each unit's id.
        replicate: its number, from 0.

    Raises:
        BadQuestion: the ids are not whole numbers, or the replicate is negative.

    Source: Chamandy et al. (2012); the mixing is SplitMix64's (Steele et al. 2014).
    """
    if np.asarray(ids).dtype.kind not in "iu" or replicate < 0:
        raise BadQuestion(
            f"ids of {np.asarray(ids).dtype}, replicate {replicate}: ids are whole numbers, hashes "
            "of what names a unit, and replicates count from 0"
        )
    mixed = _mix(np.asarray(ids, dtype=np.uint64) ^ _mix(np.array([replicate], dtype=np.uint64)))
    uniform = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.searchsorted(_CUMULATIVE, uniform, side="right").astype(np.float64)


def bootstrap_sums(
    ids: Ids, columns: Mapping[str, npt.ArrayLike], *, replicates: int = 1000
) -> dict[str, Array]:
    """(replicates,) weighted sums of each column, and of the weights as `n`; they add over chunks.

    Raises:
        BadQuestion: replicates are below 1, a column has another length than the ids, or is
            called `n`.
        BadSummary: a value is not finite.
    """
    values = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
    if replicates < 1 or any(column.shape != (len(ids),) for column in values.values()):
        raise BadQuestion("replicates must be 1 or more, and every column as long as the ids")
    if "n" in values:
        raise BadQuestion("column n: is the name of the sum of weights; use another name")
    if not all(np.isfinite(column).all() for column in values.values()):
        raise BadSummary("columns: hold a value that is not finite; leave out missing values")
    matrix = np.stack([np.ones(len(ids)), *values.values()])
    sums = np.array([matrix @ poisson_weights(ids, b) for b in range(replicates)])
    return dict(zip(["n", *values], sums.T, strict=True))


def bootstrap_interval(
    statistic: Callable[[Mapping[str, Array], Mapping[str, Array]], Array],
    treatment: Mapping[str, Array],
    control: Mapping[str, Array],
    *,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic of the treatment's and the control's sums.

    Raises:
        TooFewUnits: a replicate has no finite value, so there are too few data.
        BadQuestion: there are fewer than 100 replicates: the ends would rest on single ones.
        NoEstimate: the statistic is the same in all replicates.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.atleast_1d(np.asarray(statistic(treatment, control), dtype=float))
    if not np.isfinite(values).all():
        raise TooFewUnits("some replicates have no finite value: too few data to resample")
    if len(values) < LEAST_REPLICATES:
        raise BadQuestion(f"replicates: are {len(values)}, must be {LEAST_REPLICATES} or more")
    tail = (1 - checked_confidence(confidence)) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    if low == high:
        raise NoEstimate("the statistic is the same in all replicates: chance cannot be judged")
    return Interval(float(low), float(high))


def _mix(x: Ids) -> Ids:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

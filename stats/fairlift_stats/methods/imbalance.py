"""Where a sample ratio mismatch lies: which units' split differs from that of the others."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from fairlift_stats.arrays import Array
from fairlift_stats.methods.sample_ratio import sample_ratio

__all__ = ["ImbalanceCause", "imbalance_causes"]

# Of all values that are tried together; the mismatch itself was found by a stricter test.
LEVEL = 0.01
# Units by variant.
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImbalanceCause:
    """Units with one value of an attribute, whose split differs from that of all others.

    Attributes:
        attribute, value: such as device and phone.
        units: with that value.
        explained: share of the χ² of all units that is gone without them; below 1.
        p_value: of the same split within and without the value.
    """

    attribute: str
    value: str
    units: int
    explained: float
    p_value: float


def imbalance_causes(
    counts: Mapping[str, Mapping[str, Counts]], weights: Mapping[str, float], *, most: int = 5
) -> tuple[ImbalanceCause, ...]:
    """What explains most of an imbalance first.

    Leaving out any units takes away some χ². So a value counts as a cause only where its split
    differs from that of the other units (χ² test of homogeneity, Bonferroni over all values). An
    imbalance that is the same everywhere has none: then the reason lies where all visitors pass.

    Args:
        counts: by attribute and value, the units of each variant; each unit once per attribute.
        weights: planned, by variant.
        most: so many causes at most.

    Source: Fabijan et al. (2019), section 5, on segments in the diagnosis of mismatches; the share
        explained is 1 - χ²(without) / χ²(all). Checked against scipy.stats.chi2_contingency.

    >>> phones = {"phone": {"a": 500, "b": 300}, "desk": {"a": 500, "b": 500}}
    >>> [cause.value for cause in imbalance_causes({"device": phones}, {"a": 0.5, "b": 0.5})]
    ['phone']
    """
    arms = [arm for arm, weight in weights.items() if weight > 0]
    tried = sum(len(values) for values in counts.values())
    causes = []
    for attribute, values in counts.items():
        table = {value: _row(split, arms) for value, split in values.items()}
        total = np.sum(list(table.values()), axis=0) if table else np.zeros(len(arms))
        whole = _statistic(total, arms, weights)
        for value, row in table.items():
            rest = total - row
            p = _homogeneity(row, rest)
            if whole == 0 or p * tried > LEVEL:
                continue
            explained = 1 - _statistic(rest, arms, weights) / whole
            if explained > 0:
                causes.append(ImbalanceCause(attribute, value, int(row.sum()), explained, p))
    return tuple(
        sorted(causes, key=lambda cause: (-cause.explained, cause.attribute, cause.value))
    )[:most]


def _row(split: Counts, arms: list[str]) -> Array:
    return np.array([split.get(arm, 0) for arm in arms], dtype=float)


def _statistic(row: Array, arms: list[str], weights: Mapping[str, float]) -> float:
    observed = dict(zip(arms, row.astype(int).tolist(), strict=True))
    return sample_ratio(observed, {arm: weights[arm] for arm in arms}, exact_below=0).statistic


def _homogeneity(row: Array, rest: Array) -> float:
    """Pearson's χ² of two rows, without a correction for continuity."""
    table = np.array([row, rest])
    if (table.sum(axis=1) == 0).any():
        return 1.0
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chdtrc(table.shape[1] - 1, statistic))

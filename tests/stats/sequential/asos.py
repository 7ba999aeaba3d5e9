"""ASOS Digital Experiments (Liu, Cardoso, Couturier & McCoy 2021, arXiv 2111.10198), CC BY 4.0.

The file is read where it lies, through the environment variable FAIRLIFT_DATA; it is no part of us.
"""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

FILE = (
    Path(os.environ.get("FAIRLIFT_DATA", "../shared/data"))
    / "asos_digital_experiments_dataset.parquet"
)
# Mixture variance of each metric as a share of the control's variance, as published.
TAU_SQUARED = {1: 1.30e-05, 2: 1.07e-05, 3: 6.48e-06, 4: 5.92e-06}


@dataclass(frozen=True, slots=True)
class Point:
    """One look of one stream."""

    day: float
    count_c: float
    count_t: float
    mean_c: float
    mean_t: float
    variance_c: float
    variance_t: float

    @property
    def difference(self) -> float:
        return self.mean_t - self.mean_c

    @property
    def variance(self) -> float:
        return self.variance_c / self.count_c + self.variance_t / self.count_t

    @property
    def degrees(self) -> float:
        parts = (self.variance_c / self.count_c, self.variance_t / self.count_t)
        below = parts[0] ** 2 / (self.count_c - 1) + parts[1] ** 2 / (self.count_t - 1)
        return sum(parts) ** 2 / below


def streams(metric: int) -> dict[tuple[str, int], list[Point]]:
    """Looks of each treatment in the order of time; looks without a variance are left out."""
    from pyarrow.parquet import read_table

    found: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for row in read_table(FILE, filters=[("metric_id", "=", metric)]).to_pylist():
        point = Point(
            row["time_since_start"],
            *(row[f"{what}_{arm}"] for what in ("count", "mean", "variance") for arm in "ct"),
        )
        known = row["variance_c"] is not None and row["variance_t"] is not None
        if known and row["count_c"] and point.variance > 0:
            found[row["experiment_id"], row["variant_id"]].append(point)
    return {key: sorted(points, key=lambda p: p.day) for key, points in found.items()}

"""analyze(frame) of 1,000,000 rows and 8 metrics, beside tea-tasting on the same frame."""

import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from fairlift_stats import Mean, Rate, Ratio, analyze

from benchmarks.form import Measure, publish, side_by_side

RATES = ("bought", "cart", "newsletter", "view360")
MEANS = ("revenue", "orders", "items")


def visitors(rows: int) -> pd.DataFrame:
    """One row per visitor of a plausible shop."""
    rng = np.random.default_rng(16)
    bought = (rng.random(rows) < 0.05).astype(np.int64)
    orders = bought * (1 + rng.poisson(0.3, rows))
    columns: dict[str, Any] = {
        "variant": rng.choice(["control", "treatment"], rows),
        "bought": bought, "orders": orders, "items": orders * (1 + rng.poisson(1, rows)),
        "revenue": np.round(orders * rng.lognormal(4, 0.8, rows), 2),
        "cart": (rng.random(rows) < 0.2).astype(np.int64),
        "newsletter": (rng.random(rows) < 0.1).astype(np.int64),
        "view360": (rng.random(rows) < 0.3).astype(np.int64),
    }  # fmt: skip
    return pd.DataFrame(columns)


def ours(frame: object) -> object:
    """All figures of our report, read."""
    metrics: list[Rate | Mean | Ratio] = [
        *(Rate(column, column) for column in RATES),
        *(Mean(column, column) for column in MEANS),
        Ratio("ticket", "revenue", "orders", buyers="bought"),
    ]
    return analyze(frame, metrics=metrics).to_dicts()


def tea_tasting(frame: Any) -> object:
    """The same metrics by tea-tasting."""
    import tea_tasting as tt

    metrics: dict[str, Any] = {column: tt.Proportion(column, method="norm") for column in RATES}
    metrics |= {column: tt.Mean(column) for column in MEANS}
    metrics["ticket"] = tt.RatioOfMeans("revenue", "orders")
    return tt.Experiment(metrics).analyze(frame, control="control").to_dicts()


def main(rows: int = 1_000_000) -> None:
    """Measure and publish."""
    pandas = visitors(rows)
    polars = pl.from_pandas(pandas)
    seconds = side_by_side(
        {
            "pandas": lambda: ours(pandas),
            "polars": lambda: ours(polars),
            "tea-tasting pandas": lambda: tea_tasting(pandas),
            "tea-tasting polars": lambda: tea_tasting(polars),
        }
    )
    measures = []
    for library in ("pandas", "polars"):
        own, peer = seconds[library], seconds[f"tea-tasting {library}"]
        measures += [
            Measure(f"notebook_{library}_s", own, "s", "tea-tasting", peer),
            Measure(
                f"notebook_{library}_ratio", peer / own, "× as fast", "asked", 2.0,
                less_is_better=False,
            ),
        ]  # fmt: skip
    publish("notebook", measures)


if __name__ == "__main__":
    main(*(int(float(value)) for value in sys.argv[1:]))

"""Metrics, arms and results that the tests of the report share."""

from typing import Any

from fairlift_stats import (
    Mean,
    Rate,
    Ratio,
    Result,
    Summary,
    compare,
)
from fairlift_stats.data.metrics import Metric

from tests.stats.strategies import Rows, shop, summary_of

CONVERSION = Rate("conversion_rate", "converted")


REVENUE = Mean("revenue_per_visitor", "revenue", buyers="converted")


TICKET = Ratio("average_ticket", "revenue", "orders", buyers="converted")


METRICS: tuple[Metric, ...] = (
    CONVERSION,
    REVENUE,
    Mean("adjusted_revenue", "revenue", covariates=("pre_revenue",)),
    Rate("adjusted_conversion", "converted", covariates=("pre_revenue",)),
    TICKET,
    Ratio("frequency", "orders", "converted"),
)


def three_arms(**changes: Any) -> dict[str, Summary]:
    return {
        "control": summary_of(shop(4000, seed=1, **changes)),
        "b": summary_of(shop(4000, conversion=0.06, seed=2)),
        "c": summary_of(shop(3900, ticket=75, seed=3)),
    }


def result_of(rows_c: Rows, rows_t: Rows, metric: Metric, confidence: float = 0.95) -> Result:
    return compare(metric, summary_of(rows_c), summary_of(rows_t), confidence=confidence)


def arm_of(n: int, x: int, revenue: float = 0.0, square: float = 0.0) -> Summary:
    return Summary.from_sums(
        n,
        {"converted": x, "orders": x, "revenue": revenue},
        {
            ("converted", "converted"): x, ("orders", "orders"): x,
            ("revenue", "revenue"): square, ("revenue", "orders"): revenue,
        },
    )  # fmt: skip


GOOD = arm_of(100, 10, 600.0, 40_000.0)

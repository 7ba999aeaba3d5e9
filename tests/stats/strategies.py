"""What shops' data look like, for Hypothesis: counts, rows and summaries."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from fairlift_stats import Summary
from hypothesis import strategies as st

Rows = Mapping[str, Any]

# Third moments of revenue and orders, in every combination.
THIRDS = (
    ("revenue", "revenue", "revenue"),
    ("orders", "revenue", "revenue"),
    ("orders", "orders", "revenue"),
    ("orders", "orders", "orders"),
)


@st.composite
def two_counts(draw: st.DrawFn, most: int = 400) -> tuple[int, int, int, int]:
    """Successes and units of a treatment and a control; zero and all included."""
    nt, nc = draw(st.integers(1, most)), draw(st.integers(1, most))
    return draw(st.integers(0, nt)), nt, draw(st.integers(0, nc)), nc


@st.composite
def shop_rows(draw: st.DrawFn, least: int = 2, most: int = 60) -> Rows:
    """Rows per visitor: orders, money in micros, and what was known before; refunds included.

    The rows come from a seed: drawing them one by one is slow.
    """
    n = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    conversion = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    lowest = draw(st.sampled_from([-400_000_000, -20_000_000, 1_000_000]))
    orders = (rng.random(n) < conversion) * rng.integers(1, 4, n)
    money = rng.integers(lowest, draw(st.sampled_from([2_000_000, 900_000_000])), n)
    return {
        "converted": (orders > 0).astype(int).tolist(),
        "orders": orders.tolist(),
        "revenue": ((orders > 0) * money).tolist(),
        "pre_revenue": (rng.integers(0, 500_000_000, n) * (rng.random(n) < 0.5)).tolist(),
    }


def summary_of(rows: Rows) -> Summary:
    return Summary.from_rows(rows, thirds=THIRDS)


def shop(
    n: int, *, conversion: float = 0.05, ticket: float = 60.0, seed: int = 0, sigma: float = 0.8
) -> dict[str, Any]:
    """Rows of a plausible shop: repeat orders, lognormal tickets, a correlated past."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(0, 0.5, n)
    converted = (rng.random(n) < conversion).astype(int)
    orders = converted * (1 + rng.poisson(0.3, n))
    tickets = np.exp(taste + rng.normal(np.log(ticket), sigma, n))
    before = (rng.random(n) < 0.3) * np.exp(taste + rng.normal(np.log(ticket), sigma, n))
    return {
        "converted": converted,
        "orders": orders,
        "revenue": np.round(orders * tickets, 2),
        "pre_revenue": np.round(before, 2),
        "pre_orders": (before > 0).astype(int),
    }

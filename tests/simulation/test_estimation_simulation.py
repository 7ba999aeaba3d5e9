"""Coverage and error rates: exactly where tables are enumerated, else within the binomial."""

import pytest

from tests.simulation import conversion, families, revenue
from tests.simulation.estimation import SHOPS, bounds
from tests.simulation.revenue import Arms

# Every table of counts enumerated, by independent code, before the library was written.
TABLE = [
    (20, 0.05, 0.5, [0.902, 0.991, 0.991, 0.506, 0.476, 0.999, 0.982]),
    (20, 0.10, 0.0, [0.960, 0.983, 0.961, 0.771, 0.732, 1.000, 0.961]),
    (20, 0.30, 0.3, [0.935, 0.946, 0.949, 0.972, 0.924, 0.973, 0.957]),
    (50, 0.05, 0.0, [0.946, 0.979, 0.957, 0.850, 0.791, 0.998, 0.957]),
    (50, 0.10, 0.5, [0.946, 0.959, 0.948, 0.973, 0.884, 0.980, 0.946]),
    (200, 0.03, 0.0, [0.952, 0.959, 0.952, 0.971, 0.907, 0.975, 0.952]),
    (200, 0.05, 0.5, [0.948, 0.953, 0.949, 0.958, 0.929, 0.963, 0.953]),
]


@pytest.mark.parametrize(("n", "rate", "lift", "expected"), TABLE)
def test_coverage_of_rates_is_the_enumerated_one(
    n: int, rate: float, lift: float, expected: list[float]
) -> None:
    assert list(conversion.coverage(n, rate, lift).values()) == pytest.approx(expected, abs=1e-3)


def test_score_intervals_hold_in_every_setting() -> None:
    small = [s for s in conversion.SETTINGS if s[0] < 200]  # the table has those of 200
    for n, rate, lift in small:
        found = conversion.coverage(n, rate, lift)
        assert found["score ratio"] >= 0.945, (n, rate, lift)


@pytest.mark.parametrize("shop", ["500/500, 5 %, A/A", "2,000/2,000, 3 %, A/A"])
def test_money_is_covered_when_arms_are_equal(shop: str) -> None:
    runs = 1500
    low, _ = bounds(runs)

    found = revenue.coverage(SHOPS[shop], runs, 1)

    # Heavy tails leave a t interval of equal arms a little wide, never much narrow.
    assert found["revenue: Fieller"] >= low - 0.01
    assert found["ticket: Fieller, t by buyers"] >= low - 0.01
    assert found["ticket: order as unit"] < 0.93
    assert found["revenue: linear delta"] < found["revenue: Fieller"]


def test_a_true_lift_is_covered_too() -> None:
    runs = 800
    low, high = bounds(runs)

    found = revenue.coverage(Arms(8000, 8000, 0.05, 0.2, 0.1), runs, 2)

    assert low - 0.01 <= found["revenue: Fieller"] <= high + 0.01


def test_the_page_says_truly_where_nothing_holds() -> None:
    # 90/10 with about fifteen buyers in the small arm: this is the limit that flags warn of.
    found = revenue.coverage(SHOPS["4,500/500, 3 %, A/A"], 1500, 3)

    assert found["revenue: Fieller"] < bounds(1500)[0]


def test_the_hurdle_posterior_covers_small_shops() -> None:
    runs = 150

    found = revenue.hurdle_coverage(SHOPS["500/500, 5 %, A/A"], runs, 4)

    assert found >= bounds(runs)[0]


def test_the_mean_of_tickets_is_covered_where_their_models_are_not() -> None:
    runs = 1500
    low, high = bounds(runs)

    wild = revenue.ticket_models(revenue.TICKETS["lognormal σ=1.5"], 1000, runs, 5)
    prices = revenue.ticket_models(revenue.TICKETS["price points"], 1000, runs, 5)

    for found in (wild, prices):
        assert low - 0.01 <= found["t on the mean"] <= high + 0.01
    assert wild["exponential"] < 0.6  # an independent simulation: 0.497
    assert prices["lognormal"] < 0.9


@pytest.mark.parametrize(
    ("sizes", "sds"),
    [((100, 100, 100), (1.0, 1.0, 1.0)), ((200, 50, 50, 80), (1.0, 3.0, 3.0, 2.0))],
)
def test_several_arms_together_keep_their_error_rate(
    sizes: tuple[int, ...], sds: tuple[float, ...]
) -> None:
    runs = 8000

    found = families.dunnett_error(sizes, sds, runs, 6)

    low, high = bounds(runs, 0.05)
    assert low - 0.002 <= found <= high + 0.002


def test_small_segments_gain_most_from_the_others() -> None:
    found = families.segment_errors(0.1, 60, 7)

    # An independent simulation of the hierarchy, before the library was written: 0.667 (all) and
    # 0.941 (small) alone, 0.124 and 0.130 pooled; coverage 0.984 and 0.995.
    assert found["RMSE alone, n ≤ 20"] > 0.7
    assert found["RMSE pooled, n ≤ 20"] < 0.2
    assert found["RMSE pooled"] < 0.2 * 1.2 < found["RMSE alone"]
    assert found["coverage pooled"] > 0.95

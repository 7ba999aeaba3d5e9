"""Causes of a sample ratio mismatch, against scipy, and against planted truths."""

import numpy as np
import pytest
from fairlift_stats.methods.imbalance import imbalance_causes
from scipy.stats import chi2_contingency, chisquare

EVEN = {"a": 0.5, "b": 0.5}
Split = dict[str, int]


def split_of(a: int, b: int) -> Split:
    return {"a": a, "b": b}


def test_the_value_that_lost_units_comes_first_with_the_share_it_explains() -> None:
    device = {
        "phone": split_of(5_000, 4_300),
        "tablet": split_of(400, 395),
        "desk": split_of(6_000, 6_050),
    }

    (cause,) = imbalance_causes({"device": device}, EVEN)

    whole = chisquare([11_400, 10_745]).statistic
    rest = chisquare([6_400, 6_445]).statistic
    assert (cause.attribute, cause.value, cause.units) == ("device", "phone", 9_300)
    assert cause.explained == pytest.approx(1 - rest / whole, rel=1e-12)
    table = [[5_000, 4_300], [6_400, 6_445]]
    assert cause.p_value == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_an_imbalance_that_is_the_same_everywhere_has_no_cause() -> None:
    countries = {name: split_of(1_100, 1_000) for name in ("ES", "RO", "PT", "IT")}

    assert (
        imbalance_causes({"country": countries, "device": {"x": split_of(4_400, 4_000)}}, EVEN)
        == ()
    )


def test_causes_are_ranked_over_all_attributes() -> None:
    # Units are lost on one day, most of them at one hour of it.
    day = {"2026-11-03": split_of(3_000, 2_400), "2026-11-04": split_of(3_000, 3_010)}
    hour = {"9": split_of(1_000, 500), "10": split_of(5_000, 4_910)}

    causes = imbalance_causes({"day": day, "hour": hour}, EVEN)

    assert [(cause.attribute, cause.value) for cause in causes] == [
        ("day", "2026-11-03"),
        ("hour", "9"),
    ]
    assert causes[0].explained > causes[1].explained > 0.9


def test_uneven_plans_and_three_variants_are_judged_by_their_weights() -> None:
    weights = {"a": 0.8, "b": 0.1, "c": 0.1}
    counts = {
        "device": {
            "phone": {"a": 8_000, "b": 600, "c": 1_000},
            "desk": {"a": 8_000, "b": 1_000, "c": 1_000},
        }
    }

    (cause,) = imbalance_causes(counts, weights)[:1]

    assert cause.value == "phone"


@pytest.mark.parametrize("counts", [{}, {"device": {}}, {"device": {"phone": split_of(0, 0)}}])
def test_without_units_there_is_nothing_to_explain(counts: dict[str, dict[str, Split]]) -> None:
    assert imbalance_causes(counts, EVEN) == ()


def test_chance_alone_is_seldom_called_a_cause() -> None:
    """At most 1 % of fair splits, over 20 values: 2,000 runs, bound from the binomial."""
    rng = np.random.default_rng(20_261_103)
    found = 0
    for _ in range(2_000):
        units = rng.binomial(500, 0.5, size=20)
        values = {str(n): split_of(int(a), 500 - int(a)) for n, a in enumerate(units)}
        found += bool(imbalance_causes({"country": values}, EVEN))

    # P(X > 34) for X ~ Bin(2000, .01) is below .002.
    assert found <= 34


def test_where_all_units_have_one_variant_no_value_is_to_blame() -> None:
    device = {"phone": split_of(40, 0), "desk": split_of(60, 0)}

    assert imbalance_causes({"device": device}, EVEN) == ()

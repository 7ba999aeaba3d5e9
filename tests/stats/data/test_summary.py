"""Sufficient statistics: the same however the rows are cut, and refused when no data have them."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from fairlift_stats import BadSummary, MissingColumn, Summary, TooFewUnits
from fairlift_stats.data.summary import all_pairs
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.strategies import THIRDS, Rows, shop, shop_rows, summary_of


def _close(a: Summary, b: Summary) -> None:
    assert (a.n, a.sums) == (b.n, b.sums)
    scale = np.sqrt(np.outer(np.diagonal(b.comoments), np.diagonal(b.comoments))) + 1
    assert np.all(np.abs(a.comoments - b.comoments) <= 1e-9 * scale)


@given(shop_rows(least=0, most=40), st.data())
def test_merged_cells_are_the_whole(rows: Rows, data: st.DataObject) -> None:
    n = len(rows["orders"])
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    edges = [0, *cuts, n]
    cells = [
        summary_of({name: np.array(column[a:b], dtype=int) for name, column in rows.items()})
        for a, b in pairwise(edges)
    ]

    merged = sum(cells[1:], cells[0])

    whole = summary_of({name: np.array(column, dtype=int) for name, column in rows.items()})
    _close(merged, whole)
    for triple in THIRDS:
        size = math.prod(math.sqrt(whole.comoments[i, i]) for i in whole.positions(triple))
        got, expected = merged.thirds[tuple(sorted(triple))], whole.thirds[tuple(sorted(triple))]  # type: ignore[index]
        assert got == pytest.approx(expected, abs=1e-9 * (size + 1), rel=1e-9)


def test_sums_of_money_are_exact_beyond_what_a_float_can_hold() -> None:
    micros = [9_007_199_254_740_993, 1, 1]

    merged = sum((Summary.from_rows({"revenue": [m]}) for m in micros[1:]),
                 Summary.from_rows({"revenue": micros[:1]}))  # fmt: skip

    assert merged.sum("revenue") == 9_007_199_254_740_995


def test_long_columns_of_large_integers_do_not_wrap_around() -> None:
    rows = np.full(4, 2**62, dtype=np.int64)

    assert Summary.from_rows({"x": rows}).sum("x") == 2**64


def test_sum_of_cells_begins_at_nothing() -> None:
    cells = [Summary.from_rows({"x": [1, 2]}), Summary.from_rows({"x": [4]})]

    assert sum(cells) == Summary.total(cells)


def test_sums_from_a_database_give_the_rows_summary() -> None:
    rows: dict[str, Any] = {"orders": [0, 1, 3, 0, 2], "revenue": [0, 20, 90, 0, 55]}
    direct = Summary.from_rows(rows, thirds=THIRDS)
    columns = {name: np.array(v, dtype=object) for name, v in rows.items()}

    def given_by(centre: dict[str, int]) -> Summary:
        moved = {name: v - centre.get(name, 0) for name, v in columns.items()}
        return Summary.from_sums(
            5,
            {name: int(v.sum()) for name, v in columns.items()},
            {(a, b): int((moved[a] * moved[b]).sum()) for a, b in all_pairs(columns)},
            {t: int((moved[t[0]] * moved[t[1]] * moved[t[2]]).sum()) for t in THIRDS},
            centre=centre,
        )

    for centre in ({}, {"revenue": 33, "orders": 1}):
        found = given_by(centre)
        _close(found, direct)
        for triple, value in direct.thirds.items():
            assert found.thirds[triple] == pytest.approx(value, rel=1e-12)


def test_centred_sums_keep_a_tiny_variance_on_a_huge_mean() -> None:
    # Knuth's trap: the variance of 1e9 + {4, 7, 13, 16} is 30, and plain floats lose it.
    x = [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]

    centred = Summary.from_sums(
        4, {"x": sum(x)}, {("x", "x"): sum((v - 1e9) ** 2 for v in x)}, centre={"x": 1e9}
    )

    assert centred.variance("x") == 30.0
    assert Summary.from_rows({"x": x}).variance("x") == 30.0
    assert Summary.total(Summary.from_rows({"x": [v]}) for v in x).variance("x") == 30.0


def test_integer_sums_keep_it_without_a_centre() -> None:
    x = [10**9 + k for k in (4, 7, 13, 16)]

    s = Summary.from_sums(4, {"x": sum(x)}, {("x", "x"): sum(v * v for v in x)})

    assert s.variance("x") == 30.0


def test_a_variance_lost_in_rounding_is_refused_not_guessed() -> None:
    x = [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]
    products = {("x", "x"): sum(v * v for v in x) + 5120.0}

    with pytest.raises(BadSummary, match="add up around a centre"):
        Summary.from_sums(4, {"x": sum(x)}, products)


def test_a_constant_around_its_own_centre_has_no_variance() -> None:
    value = 0.1 + 0.2

    s = Summary.from_sums(3, {"x": 3 * value}, {("x", "x"): 0.0}, centre={"x": value})

    assert s.variance("x") == 0.0


@pytest.mark.parametrize(
    ("n", "sums", "products", "rule"),
    [
        (-1, {"x": 0}, {}, "whole number"),
        (2.5, {"x": 0}, {}, "whole number"),
        (True, {"x": 0}, {}, "whole number"),
        (0, {"x": 3}, {}, "over no units"),
        (3, {"x": math.nan}, {}, "must be finite"),
        (3, {"x": math.inf}, {}, "must be finite"),
        (3, {"x": 9.0}, {("x", "x"): 20.0}, "too small for its sum"),
        (3, {"x": 9}, {("x", "x"): 20}, "too small for its sum"),
        (3, {"x": 9.0}, {("x", "x"): math.nan}, "must be finite"),
        (3, {"x": 9.0}, {("x", "x"): -math.inf}, "must be finite"),
        (3, {"x": 9.0, "y": 1.0}, {("x", "y"): math.inf}, "must be finite"),
    ],
)
def test_numbers_that_no_data_have_are_refused(n: Any, sums: Any, products: Any, rule: str) -> None:
    with pytest.raises(BadSummary, match=rule):
        Summary.from_sums(n, sums, products)


def test_no_units_have_no_mean_and_one_unit_no_variance() -> None:
    nobody = Summary.from_sums(0, {"x": 0}, {("x", "x"): 0}, {("x", "x", "x"): 0})
    one = Summary.from_rows({"x": [3]})

    assert nobody.means.tolist() == [0.0]
    assert nobody.third("x") is None
    with pytest.raises(TooFewUnits, match="empty"):
        nobody.mean("x")
    with pytest.raises(TooFewUnits, match="needs 2"):
        one.variance("x")


def test_nobody_joined_to_nobody_is_nobody() -> None:
    nobody = Summary.from_rows({"x": []})

    assert (nobody + nobody).n == 0


def test_a_product_that_was_not_given_is_missed_by_name() -> None:
    s = Summary.from_sums(3, {"x": 3, "y": 6}, {("x", "x"): 5})

    assert s.variance("x") == 1.0
    with pytest.raises(MissingColumn, match="x × y"):
        s.covariance("x", "y")
    with pytest.raises(MissingColumn, match="'z' is not in the summary"):
        s.mean("z")


def test_rows_of_uneven_length_or_without_a_number_are_refused() -> None:
    with pytest.raises(BadSummary, match="one length"):
        Summary.from_rows({"x": [1, 2], "y": [1]})
    with pytest.raises(BadSummary, match="flat"):
        Summary.from_rows({"x": [[1, 2]]})
    with pytest.raises(BadSummary, match="not finite"):
        Summary.from_rows({"x": [1.0, math.nan]})


def test_only_like_columns_merge() -> None:
    x, y = Summary.from_rows({"x": [1]}), Summary.from_rows({"y": [1]})

    with pytest.raises(BadSummary, match="cannot be merged"):
        x + y
    with pytest.raises(BadSummary, match="no summaries"):
        Summary.total([])
    with pytest.raises(TypeError):
        x + 3  # type: ignore[operator]
    with pytest.raises(TypeError):
        3 + x


def test_columns_in_another_order_merge_all_the_same() -> None:
    a = Summary.from_rows({"x": [1, 5], "y": [2, 2]})
    b = Summary.from_rows({"y": [7], "x": [3]})

    assert (a + b).sum("y") == 11
    assert (a + b).variance("x") == pytest.approx(4.0)


def test_summaries_compare_by_value() -> None:
    a, b = Summary.from_rows({"x": [1, 5]}), Summary.from_rows({"x": [5, 1]})

    assert a == b
    assert hash(a) == hash(b)
    assert a != Summary.from_rows({"x": [1, 6]})
    assert a != "x"


def test_repeated_columns_are_refused() -> None:
    with pytest.raises(BadSummary, match="distinct names"):
        Summary(1, ("x", "x"), (1, 1), np.zeros((2, 2)))


def test_scaling_to_euros_scales_every_moment() -> None:
    rows = shop(50, conversion=0.5)
    micros = {name: np.rint(np.asarray(column) * 1_000_000) for name, column in rows.items()}
    factors = dict.fromkeys(rows, 1e-6)

    euros = Summary.from_rows(micros, thirds=THIRDS).scaled(factors)

    direct = Summary.from_rows(rows, thirds=THIRDS)
    assert np.allclose(euros.comoments, direct.comoments, rtol=1e-9)
    for triple in direct.thirds:
        assert euros.thirds[triple] == pytest.approx(direct.thirds[triple], rel=1e-9)
    assert direct.scaled({}).sums == direct.sums


def test_a_selection_keeps_the_thirds_within_it() -> None:
    s = Summary.from_rows(shop(30, conversion=0.5), thirds=THIRDS)

    chosen = s.select(["revenue"])

    assert chosen.columns == ("revenue",)
    assert chosen.third("revenue") == s.third("revenue")
    assert chosen.third("orders", "orders", "revenue") is None
    assert s.select(s.columns) is s


@pytest.mark.parametrize("third", [math.nan, math.inf, -math.inf])
def test_third_moments_that_no_data_have_are_refused(third: float) -> None:
    with pytest.raises(BadSummary, match="third moment"):
        Summary(3, ("x",), (1.0,), np.array([[8.0]]), {("x", "x", "x"): third})

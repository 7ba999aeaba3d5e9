"""A summary that no data have is refused, and equal values have no spread."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from fairlift_stats import BadSummary, MissingColumn, Summary

SQUARE = ("x", "x")


@pytest.mark.parametrize(
    ("n", "sums", "products", "rule"),
    [
        (0, {"x": 0}, {SQUARE: 5}, "over no units"),
        (1, {"x": 3}, {SQUARE: 20}, "too large for its sum"),
        (1, {"x": 3.0}, {SQUARE: 20.0}, "one unit has none"),
        (2, {"x": None}, {}, "must be a number"),
        (2, {"x": 10**400}, {}, "not beyond"),
        (2, {"x": 1e200}, {SQUARE: 1e300}, "not beyond"),
        (2, {"x": 1.0}, {SQUARE: 1e160}, "not beyond"),
        (3, {"x": 3, "y": 3}, {("x", "y"): 20, ("y", "x"): 3}, "occurs twice"),
        (3, {"x": 3, "y": 3}, {SQUARE: 5, ("y", "y"): 5, ("x", "y"): 6}, "mixed up"),
    ],
)
def test_sums_that_no_data_have_are_refused(n: int, sums: Any, products: Any, rule: str) -> None:
    with pytest.raises(BadSummary, match=rule):
        Summary.from_sums(n, sums, products)


def test_a_product_goes_as_far_as_its_squares_allow() -> None:
    # x = 0, 1, 2 and y = 2x + 1: correlation 1, so Σxy is the largest there is.
    s = Summary.from_sums(3, {"x": 3, "y": 9}, {SQUARE: 5, ("y", "y"): 35, ("x", "y"): 13})

    assert s.covariance("x", "y") == 2.0


def test_a_centre_is_finite_and_of_a_column() -> None:
    for centre in (np.inf, -np.inf, np.nan):
        with pytest.raises(BadSummary, match="centre of x"):
            Summary.from_sums(3, {"x": 3.0}, {SQUARE: 5.0}, centre={"x": centre})
    with pytest.raises(MissingColumn, match="'y'"):
        Summary.from_sums(3, {"x": 3.0}, {SQUARE: 5.0}, centre={"y": 1.0})


def test_a_factor_is_of_a_column() -> None:
    with pytest.raises(MissingColumn, match="'revnue'"):
        Summary.from_rows({"revenue": [1, 2]}).scaled({"revnue": 1e-6})


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (["a", "b"], "must be numbers"),
        (np.array(["2026-01-01"], dtype="M8[D]"), "must be numbers"),
        ([1j, 2], "must be numbers"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "masked"),
        ([1, "?", None], "not a number"),
        ([1, None], "not finite"),
        ([-np.inf, np.inf], "not finite"),
        ([1e80, 0.0], "beyond"),
        (np.array([2**63 + 5], dtype=np.uint64), "beyond"),
        ([2 * 10**30, 3], "beyond"),
    ],
)  # fmt: skip
def test_rows_that_are_no_numbers_are_refused(rows: Any, rule: str) -> None:
    values = np.array(rows, dtype=object) if isinstance(rows, list) and "?" in rows else rows

    with pytest.raises(BadSummary, match=rule):
        Summary.from_rows({"x": values})


@pytest.mark.parametrize(
    ("comoments", "n", "rule"),
    [
        (np.zeros((2, 2)), 3, "product by pair"),
        (np.array([[-1.0]]), 3, "no variance negative"),
        (np.array([[np.inf]]), 3, "must be finite"),
        (np.array([[5.0]]), 1, "no spread"),
    ],
)
def test_products_that_no_group_has_are_refused(comoments: Any, n: int, rule: str) -> None:
    with pytest.raises(BadSummary, match=rule):
        Summary(n, ("x",), (1.0,), comoments)


@pytest.mark.parametrize("kind", [bool, "u1", "i1", "i4", "u8", "f4", "f8", object])
def test_numbers_of_every_width_are_numbers(kind: Any) -> None:
    s = Summary.from_rows({"x": np.array([0, 1, 1, 0, 1], dtype=kind)})

    assert (s.n, s.sum("x")) == (5, 3)
    assert s.variance("x") == pytest.approx(0.3)


def test_decimals_of_a_database_are_numbers() -> None:
    money = [Decimal("1.5"), Decimal("2.5")]

    rows = Summary.from_rows({"x": np.array(money, dtype=object)})
    sums: Any = {"x": sum(money)}, {SQUARE: sum(m * m for m in money)}

    assert (rows.sum("x"), rows.variance("x")) == (4.0, 0.5)
    assert Summary.from_sums(2, *sums).variance("x") == 0.5


def test_integers_of_numpy_are_added_up_without_wrapping() -> None:
    totals: Any = {"x": np.int64(3 * 10**9)}, {SQUARE: np.int64(9 * 10**18)}

    s = Summary.from_sums(3, *totals)

    assert s.variance("x") == 3e18  # (9e18 − (3e9)²/3) / 2


def test_integers_of_eighteen_digits_keep_their_variance() -> None:
    assert Summary.from_rows({"x": [2 * 10**18, 2 * 10**18 + 4]}).variance("x") == 8.0


@pytest.mark.parametrize("value", [0.1, 0.3, 9.9, 1e9 + 0.1, -19.99])
def test_equal_values_have_no_spread(value: float) -> None:
    for n in (2, 3, 7, 11):
        assert Summary.from_rows({"x": [value] * n}).variance("x") == 0.0
    cells = [Summary.from_rows({"x": [value] * n}) for n in (1, 3, 7, 11, 1)]
    assert Summary.total(cells).variance("x") == 0.0


def test_one_unit_has_no_spread_however_its_square_was_rounded() -> None:
    value = 0.1 + 0.2

    s = Summary.from_sums(
        1, {"x": value, "y": 3.0},
        {SQUARE: value * value * (1 + 1e-15), ("y", "y"): 9.0, ("x", "y"): 3 * value + 1e-16},
    )  # fmt: skip

    assert not s.comoments.any()

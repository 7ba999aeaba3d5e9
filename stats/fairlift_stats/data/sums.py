"""From raw sums to centred moments: exact for integers, refused when digits are lost."""

import math
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from fairlift_stats.arrays import Array
from fairlift_stats.errors import BadSummary, MissingColumn

__all__ = [
    "LARGEST",
    "NOISE",
    "ROUNDING_OF_MEANS",
    "Pair",
    "Sum",
    "Triple",
    "centred_products",
    "centred_thirds",
    "check_size",
    "exact_total",
    "ordered",
    "position_of",
]

Sum: TypeAlias = int | float
Pair: TypeAlias = tuple[str, str]
Triple: TypeAlias = tuple[str, str, str]

# Fieller's limits multiply four numbers of a column's size: beyond this they overflow.
LARGEST: Final = 1e75
# Two means this close, as a share of their size, differ by rounding alone.
ROUNDING_OF_MEANS: Final = 2.3e-16
# A centred product may come out this much off, relative to the raw ones, by rounding alone.
ROUNDING: Final = 1e-9
# A centred square this small, relative to the raw floating-point sum, is rounding noise.
NOISE: Final = 1e-13


def centred_products(
    n: int,
    sums: Mapping[str, Sum],
    products: Mapping[Pair, Sum],
    centre: Mapping[str, Sum],
) -> Array:
    """(columns, columns) Σ(x−x̄)(y−ȳ) from sums and from products around a centre; NaN if unknown.

    Raises:
        BadSummary: a number is not finite, a pair occurs twice, or no data have these products.
    """
    columns = tuple(sums)
    shifted = {name: total - n * centre.get(name, 0) for name, total in sums.items()}
    comoments = [[math.nan] * len(columns) for _ in columns]
    for pair in sorted(products, key=_is_mixed):  # squares come first
        product, (first, second) = products[pair], pair
        check_size(f"product of {pair}", product, LARGEST**2)
        i, j = position_of(columns, first), position_of(columns, second)
        if not math.isnan(comoments[i][j]):
            raise BadSummary(f"product of {pair}: occurs twice (its order does not matter)")
        value = _centred(n, pair, product, shifted[first], shifted[second])
        if i == j:
            slip = 4e-16 * (abs(float(sums[first])) + n * abs(float(centre.get(first, 0))))
            value = _square(n, first, value, product, shifted[first], slip**2 / max(n, 1))
        else:
            _check_bound(pair, value, comoments[i][i], comoments[j][j], products)
        comoments[i][j] = comoments[j][i] = value if n > 1 else 0.0
    return np.array(comoments).reshape(len(columns), len(columns))


def centred_thirds(
    n: int,
    comoments: Array,
    thirds: Mapping[Triple, Sum],
    shifted: Mapping[str, Sum],
) -> dict[Triple, float]:
    """Third moments moved from the centre of aggregation, `shifted` from it, to the means."""
    columns = tuple(shifted)
    gap = np.array([-shifted[c] / max(n, 1) for c in columns])
    centred = {}
    for triple, total in thirds.items():
        check_size(f"third moment of {triple}", total, LARGEST**3)
        i, j, k = (position_of(columns, name) for name in triple)
        x, y, z = gap[[i, j, k]]
        c = comoments
        # Σ(x−a)(y−b)(z−c) = Σ of centred cubes + Σ of (mean − a)·comoment + n·∏(mean − a).
        rest = -(x * c[j, k] + y * c[i, k] + z * c[i, j]) - n * x * y * z
        centred[ordered(triple)] = float(total) - float(rest)
    return centred


def exact_total(values: npt.NDArray[np.generic]) -> int:
    """The sum of an array of whole numbers or booleans, which never wraps around."""
    wide = values.astype(np.int64)
    # Two halves, so that a sum of large micros cannot wrap around silently.
    return (int((wide >> 32).sum()) << 32) + int((wide & 0xFFFFFFFF).sum())


def check_size(what: str, value: Sum, most: float = LARGEST) -> None:
    """Refuse numbers that are not finite, or too large to square.

    Raises:
        BadSummary: names the number.
    """
    if not abs(value) <= most:  # NaN fails too
        raise BadSummary(
            f"{what}: is {value}, must be finite, and not beyond {most:g}; "
            "leave out what is not known"
        )


def position_of(columns: tuple[str, ...], name: str) -> int:
    """Position of a column.

    Raises:
        MissingColumn: there is no such column.
    """
    try:
        return columns.index(name)
    except ValueError:
        raise MissingColumn(f"column {name!r} is not in the summary, which has {columns}") from None


def ordered(triple: Iterable[str]) -> Triple:
    """The triple in the order of names, so that every triple has one key."""
    first, second, third = sorted(triple)
    return first, second, third


def _centred(n: int, pair: Pair, product: Sum, x: Sum, y: Sum) -> float:
    if n == 0:
        if product != 0:
            raise BadSummary(f"product of {pair}: is {product} over no units, must be 0")
        return 0.0
    if isinstance(product, int) and isinstance(x, int) and isinstance(y, int):
        return (n * product - x * y) / n  # exact: big integers, rounded once
    return float(product) - float(x) * (float(y) / n)


def _square(n: int, column: str, value: float, product: Sum, total: Sum, slip: float) -> float:
    """A sum of squares, once it is sure to be one: `slip` is what centring may have lost."""
    raw = float(product)
    lost = ROUNDING * abs(raw) + slip
    if value < -lost or (n == 1 and value > lost):
        wrong = "too small" if value < 0 else "too large"
        raise BadSummary(
            f"{column}: Σx² = {product} is {wrong} for its sum; no data have a negative variance, "
            "and one unit has none"
        )
    if isinstance(product, int) and isinstance(total, int):
        return value
    if n > 1 and slip < abs(value) < NOISE * raw:
        raise BadSummary(
            f"{column}: Σx² = {product} and its sum agree to 13 digits, so the variance is lost in "
            "rounding; add up around a centre, or in integers"
        )
    return value if value > slip else 0.0


def _is_mixed(pair: Pair) -> bool:
    return pair[0] != pair[1]


def _check_bound(
    pair: Pair, value: float, xx: float, yy: float, products: Mapping[Pair, Sum]
) -> None:
    """Cauchy and Schwarz: a product of columns is no larger than the squares allow."""
    if math.isnan(xx) or math.isnan(yy):
        return
    raw = math.prod(math.sqrt(products[name, name]) for name in pair)
    if not abs(value) <= math.sqrt(xx) * math.sqrt(yy) + ROUNDING * raw:
        raise BadSummary(
            f"product of {pair}: is {products[pair]}, more than the squares of the two columns "
            "allow; are columns mixed up?"
        )

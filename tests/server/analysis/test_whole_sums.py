"""Sums in parts of 64 bits are those of whole numbers in Python, however large they are."""

import random
from collections.abc import Sequence
from math import prod

import duckdb
import ibis
import pytest
from fairlift_server.analysis.whole_sums import SHIFTS, Way, put_together, summed, way_of
from ibis.backends.sql.compilers.duckdb import compiler

Rows = Sequence[tuple[int, ...]]

# The largest value of each factor, and how many units there are.
CASES: dict[str, tuple[Way, tuple[int, ...], int]] = {
    "a small column": (Way.DIRECT, (10**6,), 1_000),
    "a large column": (Way.HALVES, (2**62,), 1_000),
    "a column of the largest numbers": (Way.HALVES, (2**63 - 1,), 1_000),
    "squares of counts": (Way.DIRECT, (40, 40), 1_000),
    "squares of money": (Way.HALVES, (3_000_000_000, 3_000_000_000), 1_000),
    "money and counts": (Way.HALVES, (9, 10**18), 1_000),
    "squares of large amounts": (Way.CROSSWISE, (10**17, 10**17), 1_000),
    "squares of the largest": (Way.CROSSWISE, (2**61 - 1, 2**61 - 1), 1_000),
    "cubes of counts": (Way.DIRECT, (40, 40, 40), 1_000),
    "cubes of money": (Way.CUT, (2**31 - 1, 2**31 - 1, 2**31 - 1), 1_000),
    "counts and squares of money": (Way.CUT, (3_000_000_000, 12, 3_000_000_000), 1_000),
    "cubes of large amounts": (Way.WIDE, (10**11, 10**11, 10**11), 1_000),
}


def drawn(rng: random.Random, largest: Sequence[int], units: int) -> Rows:
    """Values of either sign, those at the limits among them."""
    rows = [tuple(rng.randint(-size, size) for size in largest) for _ in range(units - 2)]
    return [*rows, tuple(largest), tuple(-size for size in largest)]


def added_by_duckdb(rows: Rows, way: Way, order: Sequence[int]) -> int:
    names = [f"x{number}" for number in range(len(rows[0]))]
    table = ibis.table(dict.fromkeys(names, "int64"), name="rows")
    sums = summed([table[names[place]] for place in order], way)
    query = table.aggregate(**{f"s{shift}": value for shift, value in sums.items()})
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE rows ({', '.join(f'{name} BIGINT' for name in names)})")
        values = ", ".join(f"({', '.join(map(str, row))})" for row in rows)
        connection.execute(f"INSERT INTO rows VALUES {values}")
        [row] = connection.execute(compiler.to_sqlglot(query).sql("duckdb")).fetchall()
    by_shift = dict(zip(sums, map(int, row), strict=True))
    assert tuple(by_shift) == (SHIFTS[way] or (None,))
    # What an engine with sums of 64 bits could not hold would be an error there.
    assert way is Way.WIDE or all(-(2**63) <= value < 2**63 for value in by_shift.values())
    if None in by_shift:
        return by_shift[None]
    return put_together([(shift, value) for shift, value in by_shift.items() if shift is not None])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_sums_are_exact(case: tuple[Way, tuple[int, ...], int]) -> None:
    expected, largest, units = case
    rows = drawn(random.Random(1), largest, units)

    way = way_of(largest, units)

    assert way is expected
    order = sorted(range(len(largest)), key=lambda place: largest[place])
    assert added_by_duckdb(rows, way, order) == sum(map(prod, rows))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_part_overflows_where_all_are_as_large_as_can_be(
    case: tuple[Way, tuple[int, ...], int], sign: int
) -> None:
    way, largest, units = case
    rows = [(sign * largest[0], *largest[1:])] * units

    order = sorted(range(len(largest)), key=lambda place: largest[place])
    assert added_by_duckdb(rows, way, order) == sum(map(prod, rows))


@pytest.mark.parametrize(
    ("largest", "units"),
    [((None,), 5), ((10, None), 5), ((10**13, 10**13, 10**13), 1_000), ((2**61, 2**61), 10**9)],
    ids=["no whole numbers", "one of two", "39 digits and more", "squares of 39 digits and more"],
)
def test_what_no_engine_can_hold_is_added_up_as_doubles(
    largest: tuple[int | None, ...], units: int
) -> None:
    assert way_of(largest, units) is Way.FLOAT

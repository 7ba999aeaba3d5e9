"""How many texts of segments there may be: too high a number gives up what can be told apart."""

from itertools import product

import duckdb
import ibis
import pytest
from fairlift_server.analysis.capped_segments import label_combinations
from fairlift_server.analysis.segment_labels import MOST_TEXTS
from ibis.backends.sql.compilers.duckdb import compiler

Labels = tuple[str | None, ...]


def most_combinations(rows: list[Labels]) -> float:
    columns = [f"known_label{number}" for number in range(len(rows[0]))]
    table = ibis.table({"query_id": "int64", **dict.fromkeys(columns, "string")}, name="labels")
    with duckdb.connect() as connection:
        typed = ", ".join(f"{name} VARCHAR" for name in columns)
        connection.execute(f"CREATE TABLE labels (query_id BIGINT, {typed})")
        connection.executemany(
            f"INSERT INTO labels VALUES (0{', ?' * len(columns)})", [list(row) for row in rows]
        )
        text = compiler.to_sqlglot(label_combinations(table)).sql("duckdb")
        ((_, number),) = connection.execute(text).fetchall()
    return float(number)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Two labels each, and those of whom nothing is known.
        pytest.param(list(product("ab", repeat=7)), 2**7 + 1, id="all are known"),
        pytest.param([("a", "x"), ("b", None)], 2 * 2 + 1, id="one label is missing"),
    ],
)
def test_combinations_are_counted_of_what_there_is(rows: list[Labels], expected: int) -> None:
    number = most_combinations(rows)

    assert number == expected
    assert number <= MOST_TEXTS

"""Types of columns: what may be a time, an amount, a whole number; as DuckDB itself names them."""

import duckdb
import pytest
from fairlift_server.sources.check import fits
from fairlift_server.sources.fields import FieldType

# An expression, and what it may be.
CASES = {
    "1::UTINYINT": {"AMOUNT", "NUMBER", "WHOLE", "TEXT"},
    "1::BIGINT": {"AMOUNT", "NUMBER", "WHOLE", "TEXT"},
    "1::DECIMAL(18, 0)": {"AMOUNT", "NUMBER", "WHOLE", "TEXT"},
    "1::DECIMAL(10, 2)": {"AMOUNT", "NUMBER", "TEXT"},
    "1::DOUBLE": {"AMOUNT", "NUMBER", "TEXT"},
    "uuid()": {"TEXT"},
    "INTERVAL 1 DAY": {"TEXT"},
    "TIME '10:00'": {"TEXT"},
    "DATE '2026-11-02'": {"TIME", "TEXT"},
    "TIMESTAMP '2026-11-02 10:00'": {"TIME", "TEXT"},
    "TIMESTAMPTZ '2026-11-02 10:00+02'": {"TIME", "TEXT"},
    "true": {"YES_NO", "TEXT"},
    "'10'": {"TEXT"},
    "[1]": set(),
    "{a: 1}": set(),
    "union_value(a := 1)": set(),
    "'a'::BLOB": set(),
}


@pytest.mark.parametrize("expression", CASES)
def test_a_column_fits_the_fields_that_its_type_can_be(expression: str) -> None:
    with duckdb.connect() as connection:
        ((_, found, *_rest),) = connection.execute(f"DESCRIBE SELECT {expression}").fetchall()

    assert {kind.name for kind in FieldType if fits(str(found).upper(), kind)} == CASES[expression]


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ("int", {"AMOUNT", "NUMBER", "WHOLE", "TEXT"}),
        ("decimal(12,0)", {"AMOUNT", "NUMBER", "WHOLE", "TEXT"}),
        ("timestamp_ntz", {"TIME", "TEXT"}),
        ("interval day to second", {"TEXT"}),
        ("string", {"TEXT"}),
        ("struct<a:int>", set()),
    ],
)
def test_types_as_spark_names_them(found: str, kinds: set[str]) -> None:
    assert {kind.name for kind in FieldType if fits(found.upper(), kind)} == kinds

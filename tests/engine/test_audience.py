"""What a condition may be, and what is said when it may not."""

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from fairlift.engine.audience import (
    EVERYBODY,
    MAX_CONDITION_DEPTH,
    MAX_LIST,
    MAX_NODES,
    AllOf,
    Between,
    Compare,
    CompareOp,
    Condition,
    Exists,
    In,
    Not,
    Text,
    TextOp,
    Version,
    attributes,
    leaves,
)
from fairlift.engine.errors import InvalidAudience, InvalidCampaign
from fairlift.engine.short_form import short_form
from fairlift_cli.audience.parser import MAX_AUDIENCE_TEXT, MAX_NESTING, parse
from fairlift_cli.audience.words import in_words

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_short_form_becomes_the_tree() -> None:
    text = 'country in ["ES", "RO"] and cart_value >= 30 and not returning'

    assert parse(text) == AllOf(
        (
            In("country", ("ES", "RO")),
            Compare("cart_value", CompareOp.GE, 30),
            Not(Compare("returning", CompareOp.EQ, True)),
        )
    )
    assert short_form(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("everybody", EVERYBODY),
        ("a == 'it\\'s'", Compare("a", CompareOp.EQ, "it's")),
        (r'a == "\n\u00f1\\"', Compare("a", CompareOp.EQ, "\nñ\\")),
        ("a != -1.5e3", Compare("a", CompareOp.NE, -1500.0)),
        ("a == false", Compare("a", CompareOp.EQ, False)),
        ("a >= 2026-11-27T12:00:00Z", Compare("a", CompareOp.GE, NOON)),
        ("a < 2026-11-27", Compare("a", CompareOp.LT, NOON.replace(hour=0))),
        ("a between 1 and 2", Between("a", 1, 2)),
        ("a not in [1, 2.5,]", In("a", (1, 2.5), negated=True)),
        ('a starts_with "x"', Text("a", TextOp.PREFIX, "x")),
        ('version(a.b) >= "2.1"', Version("a.b", CompareOp.GE, "2.1")),
        ("exists(a)", Exists("a")),
        ("version == 1 and exists", parse("`version` == 1 and `exists`")),
        ("`in` == 1", Compare("in", CompareOp.EQ, 1)),
    ],
)
def test_short_form_knows_every_condition(text: str, condition: Condition) -> None:
    assert parse(text) == condition
    assert parse(short_form(condition)) == condition


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ('country = "ES"', 8, 'write "==" to compare'),
        ("country == ES", 11, 'a text needs quotes: "ES"'),
        ('a == "x', 5, "the text has no closing quote"),
        ("`a", 0, "the name has no closing `"),
        ("a && b", 2, 'write "and"'),
        ("a || b", 2, 'write "or"'),
        ("!a", 0, 'write "not" before a condition'),
        ('a ~ "x"', 2, "patterns are not supported"),
        ("a ; b", 2, "remove it"),
        ("(a or b", 7, "the parenthesis is not closed"),
        ("a)", 1, 'join conditions by "and" or "or"'),
        ("a b", 2, 'join conditions by "and" or "or"'),
        ("lower(a) == 5", 0, "lower(…) is not known; known are exists(…)"),
        ("a and", 5, "it must be an attribute"),
        ("a not 5", 6, 'it must be "in"'),
        ("a in 5", 5, "write a list as"),
        ('a in ["x" "y"]', 10, "separate the values of a list by commas"),
        ("a between 1 or 2", 12, 'write "between'),
        ("a between 5 and 1", 16, "must not be below low"),
        ('a >= "x"', 5, "must be a number or a time"),
        ("a contains 5", 11, "must be a text in quotes"),
        ("version(a == 1", 10, 'version(a must be closed by ")"'),
        ("version(a) in []", 11, "must be followed by =="),
        ("a between true and 1", 10, "must be a number or a time"),
        ("b and a between 1 and 2026-11-27", 22, "of the same kind as low"),
        ("a in [1, 9007199254740993, 2]", 9, "must lie within"),
        ("a not in [2026-11-27T12:00]", 10, "must have a time zone"),
        ('version(`a b`) == "1"', 8, "must be a letter or _"),
        ("b or exists(`a b`)", 12, "must be a letter or _"),
        ('version(a) == "x"', 14, "must be a version"),
        ("a == 2026-13-01", 5, "is not a time"),
        ("a == 2026-11-27T12:00", 5, "must have a time zone"),
        ("a in []", 5, "is empty"),
        ('a contains ""', 11, "is empty"),
        ("a == 9007199254740993", 5, "must lie within"),
        ("a == 1e999", 5, "must be finite"),
        ("a" * 65, 0, "64 characters at most"),
        ("not " * (MAX_NESTING + 1) + "a", 4 * (MAX_NESTING + 1), "nested more than"),
        ("(" * (MAX_NESTING + 1) + "a", MAX_NESTING + 1, "nested more than"),
        ("a" * (MAX_AUDIENCE_TEXT + 1), MAX_AUDIENCE_TEXT, "must have at most"),
        ("a and " * MAX_NODES + "a", 0, f"must be at most {MAX_NODES}"),
        ("", 0, "the end is not expected here"),
    ],
)
def test_error_points_at_the_character(text: str, position: int, says: str) -> None:
    with pytest.raises(InvalidAudience, match="character") as caught:
        parse(text)

    assert caught.value.position == position
    assert says in str(caught.value)
    assert caught.value.pointer.splitlines()[1].index("^") == min(position, 40)


def test_audience_error_keeps_its_place_when_it_travels() -> None:
    with pytest.raises(InvalidAudience) as caught:
        parse("country = 1")
    error = caught.value

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.position, again.pointer) == (str(error), 8, error.pointer)
    assert str(error.below("audience")) == f"audience: {error}"


@pytest.mark.parametrize(
    ("make", "field", "says"),
    [
        (lambda: Compare("", CompareOp.EQ, 1), "attribute", "must be a letter"),
        (lambda: Compare("a b", CompareOp.EQ, 1), "attribute", "must be a letter"),
        (lambda: Compare("a", CompareOp.EQ, "x" * 1_025), "value", "must have at most"),
        (lambda: Compare("a", CompareOp.EQ, "\ud800"), "value", "must be valid Unicode"),
        (lambda: Compare("a", CompareOp.EQ, float("nan")), "value", "must be finite"),
        (lambda: Compare("a", CompareOp.EQ, 2**53 + 1), "value", "within"),
        (lambda: Compare("a", CompareOp.EQ, NOON.replace(tzinfo=None)), "value", "time zone"),
        # A wrong type, on purpose.
        (lambda: Compare("a", CompareOp.EQ, (1,)), "value", "must be a text, a number"),  # type: ignore[arg-type]
        (lambda: Compare("a", CompareOp.LT, True), "value", "must be a number or a time"),
        (lambda: In("a", tuple(range(MAX_LIST + 1))), "values", f"at most {MAX_LIST}"),
        (lambda: In("a", ("x", float("inf"))), "values[1]", "must be finite"),
        (lambda: Between("a", 1, NOON), "high", "must be of the same kind"),
        # A wrong type, on purpose.
        (lambda: Text("a", TextOp.PREFIX, 5), "value", "must be a text"),  # type: ignore[arg-type]
        (lambda: Version("a", CompareOp.EQ, "1." + "9" * 200), "value", "must be a version"),
    ],
)
def test_impossible_condition_cannot_be_made(make: Any, field: str, says: str) -> None:
    with pytest.raises(InvalidCampaign) as caught:
        make()

    (violation,) = caught.value.violations
    assert violation.field == field
    assert says in violation.message


def test_tree_has_a_depth_that_it_may_not_exceed() -> None:
    condition: Condition = Exists("a")
    for _ in range(MAX_CONDITION_DEPTH - 1):
        condition = Not(condition)

    with pytest.raises(InvalidCampaign, match=f"at most {MAX_CONDITION_DEPTH}"):
        Not(condition)


def test_tree_tells_its_leaves_and_attributes() -> None:
    condition = parse("a and (b or not c > 1) and a")

    assert [leaf.attribute for leaf in leaves(condition)] == ["a", "b", "c", "a"]
    assert attributes(condition) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("everybody", "everybody"),
        ("nobody", "nobody"),
        ("not returning", "not returning"),
        ('country == "ES"', "country is ES"),
        ('country != "ES"', "country is known and not ES"),
        ('country not in ["ES", "RO"]', "country is known and none of ES and RO"),
        ("x in [1]", "x is 1"),
        ("x in [1,2,3,4,5,6,7]", "x is 1, 2, 3, 4, 5 or 2 more"),
        ("cart_value between 30 and 1500", "cart value is between 30 and 1,500"),
        ("x == false", "x is false"),
        ('mail ends_with "@x.es"', 'mail ends with "@x.es"'),
        ('version(app.version) < "2.1"', "the version in app version is below 2.1"),
        ("exists(coupon)", "coupon is known"),
        ("seen > 2026-11-27", "seen is above 2026-11-27 00:00 UTC"),
        ("a and (b or c)", "a, and (b, or c)"),
        ("not (a and b)", "not (a, and b)"),
    ],
)
def test_audience_reads_as_words(text: str, words: str) -> None:
    assert in_words(parse(text)) == words

"""What follows from audiences, case by case."""

import random
import sys
from collections.abc import Callable

import pytest
from fairlift.engine.audience import EVERYBODY, MAX_LIST, NOBODY, AllOf, Condition, In
from fairlift.engine.campaign import AttributeType
from fairlift.engine.short_form import short_form
from fairlift_cli.audience.checks import (
    contradictions,
    example,
    mistyped,
    overlap,
    undeclared,
)
from fairlift_cli.audience.example_values import Undecidable
from fairlift_cli.audience.parser import parse
from fairlift_cli.audience.simplify import simplify

from tests.cli.audience.proofs import always_holds, implies, never_holds
from tests.engine.oracle import holds


@pytest.mark.parametrize(
    "text",
    [
        "cart_value >= 50 and cart_value < 30",
        "x == 1 and x == 2",
        "x == true and x == 1",
        "x and not x",
        'x == "ES" and x != "ES"',
        'x in ["a", "b"] and x not in ["b", "a", "c"]',
        "x > 1 and x < 1",
        "x between 1 and 2 and x > 2",
        'x starts_with "ab" and not x contains "b"',
        'x starts_with "ab" and x starts_with "b"',
        'x ends_with "ab" and x ends_with "c"',
        'x == "abc" and x contains "z"',
        "x >= 2026-11-27 and x < 2026-11-26",
        'version(x) >= "2.0.0" and version(x) < "2.0.0-rc.1"',
        "exists(x) and not exists(x)",
        'x >= 1 and x contains "a"',
        "(x == 1 or x == 2) and (x == 3 or x == 4)",
        "nobody or (y and not y)",
    ],
)
def test_contradiction_is_found(text: str) -> None:
    assert never_holds(parse(text))
    assert example(parse(text)) is None
    assert contradictions(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "x > 1 and x < 1.0000001",
        "x != 1 and x != 2 and x > 0.5 and x < 2.5",
        "not x == 1 and not exists(x)",
        "x > 2026-11-26T23:59:59Z and x < 2026-11-27",
        'x contains "a" and x contains "b" and not x contains "ab" and not x contains "ba"',
        'tags contains "a" and tags contains "b"',
        'x contains "abc" and not x contains "b"',  # of a list
        'version(x) > "1.2.3" and version(x) < "1.2.4"',
        'version(x) > "1.2.3-rc.1" and version(x) < "1.2.3-rc.2"',
        "x < 9999-12-31T23:59:59Z and x > 0001-01-01",
        "x > 9999-12-31T23:59:59Z",
        "x > 1e17",
        "x < -1e20",
        "x > 9007199254740992.0",
        "x > 1.7976931348623157e308",  # of an infinite number
        "x > 1e308 and x < 1.5e308",
        "x > -1.7e308 and x < 1.7e308",
        "x > 1e17 and x < 100000000000000032.0",
        "x > 0 and x < 1e-323",
    ],
)
def test_narrow_audience_is_no_contradiction(text: str) -> None:
    assert example(parse(text)) is not None
    assert not contradictions(parse(text))


def test_contradiction_names_only_what_proves_it() -> None:
    text = 'country == "ES" and cart_value >= 50 and vip and cart_value < 30'

    (found,) = contradictions(parse(text))

    assert str(found) == "cart_value >= 50 and cart_value < 30 is always false"


def test_dead_branch_is_found_in_a_living_audience() -> None:
    found = contradictions(parse("vip or (cart_value >= 50 and cart_value < 30)"))

    assert [str(each) for each in found] == ["cart_value >= 50 and cart_value < 30 is always false"]


def test_single_condition_can_contradict_itself() -> None:
    (found,) = contradictions(parse("not (a or not a)"))

    assert str(found) == "not (a or not a) is always false"


def test_nobody_is_meant_and_no_contradiction() -> None:
    assert contradictions(NOBODY) == ()


def test_overlap_shows_a_shared_visitor_or_none() -> None:
    spring = parse('country == "ES" and cart_value < 50')

    assert overlap(spring, parse("cart_value >= 30")) == {"country": "ES", "cart_value": 30}
    assert overlap(spring, parse('country == "RO"')) is None


def test_narrower_audience_implies_the_wider() -> None:
    assert implies(parse("cart_value >= 50"), parse("cart_value >= 30"))
    assert not implies(parse("cart_value >= 30"), parse("cart_value >= 50"))
    assert always_holds(parse("vip or not vip"))
    assert not always_holds(parse("cart_value < 1 or cart_value >= 1"))  # it may be missing


def test_versions_mixed_with_texts_are_left_undecided() -> None:
    mixed = parse('version(x) > "1.0" and x starts_with "2." and x ends_with ".5"')
    either = parse('(version(x) > "1.0" and x contains "zz") or y and not y')

    with pytest.raises(Undecidable):
        example(mixed)
    with pytest.raises(Undecidable):
        example(either)
    assert not never_holds(mixed)
    assert contradictions(mixed) == ()


def test_undecided_attribute_does_not_hide_a_contradiction_of_another() -> None:
    text = 'version(x) > "1.0" and x contains "zz" and y == 1 and y == 2'

    assert never_holds(parse(text))


def test_undecided_branch_does_not_hide_a_visitor() -> None:
    assert example(parse('(version(x) > "1.0" and x contains "zz") or vip')) == {"vip": True}


def _clauses(seed: int, count: int, names: int) -> str:
    draw = random.Random(seed)
    return " and ".join(
        "("
        + " or ".join(
            f"x{draw.randrange(names)} {draw.choice(['==', '!='])} {draw.choice([0, 1])}"
            for _ in range(3)
        )
        + ")"
        for _ in range(count)
    )


# Nobody can have one of so many places each, and to prove it there is little but to try them all.
def _places(people: int, places: int) -> str:
    seated = [f"p{i} in [{','.join(map(str, range(places)))}]" for i in range(people)]
    apart = [
        f"(p{i} != {place} or p{j} != {place})"
        for place in range(places)
        for i in range(people)
        for j in range(i)
    ]
    return " and ".join([*seated, *apart])


SIXTEEN_ATTRIBUTES = _clauses(seed=2, count=48, names=16)
HOPELESS = _places(6, 5)
LONG_LISTS = AllOf(tuple(In("x", tuple(range(i, i + MAX_LIST))) for i in range(0, 9_000, 100)))


@pytest.mark.parametrize(
    "condition",
    [
        parse(SIXTEEN_ATTRIBUTES),
        parse(_clauses(seed=5, count=63, names=16)),
        parse(_clauses(seed=6, count=63, names=12)),
        parse(HOPELESS),
        LONG_LISTS,
    ],
    ids=["sixteen attributes", "full", "narrow", "hopeless", "long lists"],
)
@pytest.mark.parametrize(
    "ask", [never_holds, always_holds, contradictions, simplify], ids=lambda ask: ask.__name__
)
def test_any_audience_is_thought_through_with_little_work(
    ask: Callable[[Condition], object], condition: Condition
) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        # Some seconds' worth; what is counted is the same on every machine.
        assert calls < 8_000_000

    sys.setprofile(count)
    try:
        ask(condition)
    finally:
        sys.setprofile(None)


def test_audience_of_sixteen_attributes_is_decided() -> None:
    visitor = example(parse(SIXTEEN_ATTRIBUTES))

    assert visitor is not None
    assert holds(parse(SIXTEEN_ATTRIBUTES), dict(visitor))
    assert never_holds(parse(_places(5, 4)))


def test_search_that_grows_too_long_gives_up() -> None:
    with pytest.raises(Undecidable, match="gave up"):
        example(parse(HOPELESS))
    assert not never_holds(parse(HOPELESS))


def test_undeclared_attributes_are_named_with_a_suggestion() -> None:
    found = undeclared(parse("cart_valeu >= 30 and country and zzz"), ["cart_value", "country"])

    assert [str(each) for each in found] == [
        "cart_valeu is not declared; did you mean cart_value?",
        "zzz is not declared",
    ]


# Named as they are declared.
OF_EACH_TYPE = {each.value: each for each in AttributeType}


@pytest.mark.parametrize(
    ("text", "taken_for"),
    [
        ('number == "50"', "string"),
        ("string >= 50", "number"),
        ("number", "bool"),
        ("bool != 1", "number"),
        ("time between 1 and 2", "number"),
        ("number between 2026-11-20 and 2026-11-27", "time"),
        ('time == "2026-11-27"', "string"),
        ('bool in ["yes"]', "string"),
        ("number not in [true]", "bool"),
        ('number contains "5"', "string"),
        ('list == "vip"', "string"),
        ('list starts_with "v"', "string"),
        ('version(number) >= "2.0"', "version"),
        ("version >= 2", "number"),
    ],
)
def test_condition_on_another_type_than_declared_is_named(text: str, taken_for: str) -> None:
    (found,) = mistyped(parse(f"other and (vip or not {text})"), OF_EACH_TYPE)

    assert found.condition == parse(text)
    assert str(found).endswith(f"is declared as a {found.declared}, not a {taken_for}")


def test_value_of_another_type_is_picked_from_its_list() -> None:
    found = mistyped(parse('number in [1, "2", "3", 4, true, 5]'), OF_EACH_TYPE)

    assert [str(each) for each in found] == [
        'number in ["2"], but number is declared as a number, not a string',
        "number in [true], but number is declared as a number, not a bool",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'string == "ES" and string in ["ES", "RO"] and string starts_with "E"',
        'version(string) >= "2.0" and version(version) >= "2.0" and version == "2.0"',
        'list contains "vip" and string contains "vip" and version contains "rc"',
        "number between 1 and 2.5 and number in [1, 2.5] and time > 2026-11-27",
        "bool and bool != false and exists(list) and exists(number)",
        'undeclared == "50" and undeclared == 50',
    ],
)
def test_condition_on_the_declared_type_is_none_to_name(text: str) -> None:
    assert mistyped(parse(text), OF_EACH_TYPE) == ()


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("not not vip", "vip"),
        ("a and (b and c) and a", "a and b and c"),
        ("cart >= 30 and cart >= 50", "cart >= 50"),
        ("cart >= 30 or cart >= 50", "cart >= 30"),
        ("x == 1 or x == 2 or x in [2, 3]", "x in [1, 2, 3]"),
        ("x != 1 and x != 2", "x not in [1, 2]"),
        ("x >= 1 and x <= 2 and y", "x between 1 and 2 and y"),
        ("x >= 1 and x <= 2026-01-01", "nobody"),
        ("x in [1, 1]", "x == 1"),
        ("x not in [1]", "x != 1"),
        ("vip or not vip", "everybody"),
        ("vip and everybody", "vip"),
        ("vip or nobody", "vip"),
        ("x == 1 or x == true", "x in [1, true]"),
    ],
)
def test_audience_is_simplified(text: str, simple: str) -> None:
    assert short_form(simplify(parse(text))) == simple


def test_long_audience_keeps_what_cannot_be_compared_in_time() -> None:
    text = " or ".join(f"a{i} >= {i}" for i in range(40))

    assert short_form(simplify(parse(text))) == text


@pytest.mark.parametrize("text", ["x > 1e+17", "x < -1e+20", "x > 9007199254740992.0"])
def test_large_number_simplifies_to_itself(text: str) -> None:
    assert short_form(simplify(parse(text))) == text


def test_no_number_lies_between_two_neighbours() -> None:
    assert never_holds(parse("x > 1e17 and x < 100000000000000016.0"))
    assert never_holds(parse("x > 0 and x < 5e-324"))


def test_everybody_and_nobody_stay_themselves() -> None:
    assert simplify(EVERYBODY) == EVERYBODY
    assert simplify(NOBODY) == NOBODY

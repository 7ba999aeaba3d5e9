"""What holds for every audience and every visitor."""

import copy
from typing import Any

import pytest
from fairlift.engine.audience import AllOf, AnyOf, Condition, Not, children, depth, node_count
from fairlift.engine.errors import InvalidAudience
from fairlift.engine.matching import matcher
from fairlift.engine.short_form import short_form
from fairlift_cli.audience.checks import (
    contradictions,
    example,
    overlap,
)
from fairlift_cli.audience.example_values import Undecidable
from fairlift_cli.audience.parser import parse
from fairlift_cli.audience.simplify import simplify
from fairlift_cli.audience.words import in_words
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.audience.proofs import always_holds, implies, never_holds
from tests.engine import strategies as s
from tests.engine.oracle import holds

Visitor = dict[str, Any]


@given(s.conditions, s.attributes)
@settings(max_examples=1_000)
def test_compiled_condition_says_what_the_contract_says(
    condition: Condition, visitor: Visitor
) -> None:
    assert matcher(condition).matches(visitor) == holds(condition, visitor)


@given(s.conditions, s.attributes)
@settings(max_examples=400)
def test_short_form_reads_back_as_the_same_audience(condition: Condition, visitor: Visitor) -> None:
    again = parse(short_form(condition))

    assert short_form(again) == short_form(condition)
    assert matcher(again).matches(visitor) == matcher(condition).matches(visitor)


@given(s.conditions, s.attributes)
@settings(max_examples=400)
def test_simplified_audience_has_the_same_visitors(condition: Condition, visitor: Visitor) -> None:
    simple = simplify(condition)

    assert matcher(simple).matches(visitor) == matcher(condition).matches(visitor)
    assert node_count(simple) <= node_count(condition)


@given(s.conditions)
@settings(max_examples=300)
def test_example_is_in_the_audience(condition: Condition) -> None:
    try:
        visitor = example(condition)
    except Undecidable:
        return

    if visitor is None:
        assert never_holds(condition)
    else:
        assert holds(condition, dict(visitor))


@given(s.conditions, s.attributes)
@settings(max_examples=400)
def test_what_is_said_never_to_hold_holds_for_nobody(
    condition: Condition, visitor: Visitor
) -> None:
    held = holds(condition, visitor)

    assert not (held and never_holds(condition))
    assert held or not always_holds(condition)


@given(s.conditions, s.conditions, s.attributes)
@settings(max_examples=300)
def test_overlap_and_implication_are_true_of_every_visitor(
    one: Condition, other: Condition, visitor: Visitor
) -> None:
    in_one, in_other = holds(one, visitor), holds(other, visitor)
    if implies(one, other):
        assert not in_one or in_other
    try:
        shared = overlap(one, other)
    except Undecidable:
        return
    if shared is None:
        assert not (in_one and in_other)
    else:
        assert holds(one, dict(shared))
        assert holds(other, dict(shared))


@given(s.conditions, s.attributes)
@settings(max_examples=300)
def test_parts_of_a_contradiction_never_hold_together(
    condition: Condition, visitor: Visitor
) -> None:
    for contradiction in contradictions(condition):
        assert not all(holds(part, visitor) for part in contradiction.conditions)
        for left_out in range(len(contradiction.conditions)):
            rest = [p for i, p in enumerate(contradiction.conditions) if i != left_out]
            assert not rest or not never_holds(AllOf(tuple(rest)))


@given(s.conditions)
@settings(max_examples=200)
def test_every_audience_has_words(condition: Condition) -> None:
    assert in_words(condition)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_is_an_audience_or_an_error_that_points_into_it(text: str) -> None:
    error = _error_of(text)

    assert error is None or (0 <= error.position <= len(text) and error.pointer.endswith("^"))


@given(s.conditions, st.data())
@settings(max_examples=300)
def test_damaged_short_form_is_an_audience_or_an_error(
    condition: Condition, data: st.DataObject
) -> None:
    text = short_form(condition)
    at = data.draw(st.integers(0, len(text)))
    damaged = (
        text[:at]
        + data.draw(st.sampled_from(["", "(", ")", "[", '"', "=", "and "]))
        + text[at + 1 :]
    )
    error = _error_of(damaged)

    assert error is None or 0 <= error.position <= len(damaged)


@given(s.conditions)
def test_tree_is_counted_as_it_is_built(condition: Condition) -> None:
    def count(node: Condition) -> int:
        return 1 + sum(count(child) for child in children(node))

    assert node_count(condition) == count(condition)
    assert depth(Not(condition)) == depth(condition) + 1
    assert copy.deepcopy(condition) == condition
    assert pytest.approx(depth(AnyOf((condition, condition)))) == depth(condition) + 1


def _error_of(text: str) -> InvalidAudience | None:
    try:
        parse(text)
    except InvalidAudience as error:
        return error
    return None

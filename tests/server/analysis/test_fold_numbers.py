"""The largest values of all persons, from those of some: against what a full list gives."""

import random

import pytest
from fairlift_server.analysis.cells import DayKeys, additions_of
from fairlift_server.analysis.fold_numbers import UnknownNumber, folded_largest, folded_sum
from fairlift_server.analysis.ledger_query import ColumnGroup
from fairlift_server.analysis.read_cells import group_cells

MOST = 4


def largest(values: dict[int, int]) -> tuple[int, ...]:
    """Of all persons, by the definition."""
    return tuple(sorted(values.values(), key=abs, reverse=True)[:MOST])


def test_the_largest_are_those_of_a_full_list_or_not_known() -> None:
    dice = random.Random(7)
    known = 0
    for _ in range(3_000):
        old = {person: dice.randint(1, 30) for person in range(dice.randint(0, 9))}
        touched = dice.sample(range(12), dice.randint(0, 5))
        new = {**old, **{person: dice.randint(1, 30) for person in touched}}
        for person in touched:
            if dice.random() < 0.2:
                del new[person]
        before = {person: old[person] for person in touched if person in old}
        after = {person: new[person] for person in touched if person in new}
        try:
            found = folded_largest(MOST, largest(old), largest(before), largest(after))
        except UnknownNumber:
            continue
        known += 1
        assert found == largest(new)

    assert known > 1_500


def test_a_person_below_the_list_may_have_come_up() -> None:
    with pytest.raises(UnknownNumber):
        folded_largest(2, (9, 5), (9,), (3,))


def test_a_person_at_zero_may_have_come_up_too() -> None:
    with pytest.raises(UnknownNumber):
        folded_largest(2, (9, 0), (9,), ())


def test_a_sum_that_was_added_up_in_another_order_is_not_taken_for_another_person() -> None:
    other_order = 0.1 + (0.2 + 0.3)
    assert other_order != 0.1 + 0.2 + 0.3

    with pytest.raises(UnknownNumber):
        folded_largest(2, (9.0, 0.1 + 0.2 + 0.3), (other_order,), (0.7,))


def test_which_of_two_signs_comes_first_depends_on_the_persons() -> None:
    with pytest.raises(UnknownNumber):
        folded_largest(2, (9, 5), (), (-9,))


def test_a_value_that_the_list_should_have_is_a_doubt() -> None:
    with pytest.raises(UnknownNumber):
        folded_largest(2, (9, 5), (7,), ())


def test_nothing_is_the_same_number_however_it_was_come_by() -> None:
    """A look is hashed as it is written: 0.0 would be another one than 0."""
    for nothing in (0, 0.0, -0.0):
        assert repr(folded_sum(nothing, 0.0, nothing)) == "0"

    group = ColumnGroup(3, ("value", "orders"), (("value", "value"),))
    additions = additions_of([group], {"n": 2, "orders": 0})
    key = {"variant": "free", "entry_day": 1, "mixed_day": None}
    counts, sums = [{**key, "units": 2}], [{**key, "sum0": 0.0, "sum1": 0, "sum2": -0.0}]
    keys = DayKeys((3,), 0)

    (active,) = group_cells(group, keys, counts, sums, additions)
    (idle,) = group_cells(group, keys, counts, [], additions)

    assert repr(active.sums) == repr(idle.sums)

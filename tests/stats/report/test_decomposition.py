"""The parts of a change in revenue add up to it, and only sure ones are told."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from fairlift_stats import NoEstimate, Summary, TooFewUnits
from fairlift_stats.effects import Interval
from fairlift_stats.locale import text
from fairlift_stats.messages import Amount, Listed, Message
from fairlift_stats.report.decomposition import (
    FACTORS,
    Decomposition,
    Factor,
    decompose,
    rounded_parts,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.stats.strategies import shop


def test_parts_of_a_change_add_up_to_it() -> None:
    control, treatment = (
        Summary.from_rows(shop(4000, conversion=p, ticket=t, seed=s))
        for p, t, s in ((0.05, 60, 1), (0.08, 60, 2))
    )

    found = decompose(control, treatment)

    assert sum(f.money for f in found.factors) == pytest.approx(found.change, rel=1e-12)
    whole = math.prod(1 + f.lift for f in found.factors)
    assert whole == pytest.approx(treatment.mean("revenue") / control.mean("revenue"))
    for factor in found.factors:
        assert factor.interval.low > factor.joint.low
        assert factor.treatment / factor.control - 1 == pytest.approx(factor.lift)
    back = decompose(treatment, control)
    assert re.fullmatch(
        r"Revenue per visitor rose by €\d\.\d\d: more buyers \(\+€\d\.\d\d\).*\.",
        text(found.message("EUR")),
    )
    assert re.match(
        r"Los ingresos por visitante bajaron \d,\d\d\s€: menos compradores \(-\d,\d\d\s€\)",
        text(back.message("EUR"), "es"),
    )


def test_no_change_is_told_apart_from_nothing_known() -> None:
    arm = Summary.from_rows(shop(2000, seed=1))

    found = decompose(arm, arm)

    assert found.change == 0
    assert [f.money for f in found.factors] == [0, 0, 0]
    assert text(found.message("EUR")).startswith("Revenue per visitor hardly changed (€0.00); ")
    assert "it is not yet clear" in text(found.message("EUR"))


def factor(name: str, money: float, *, sure: bool = True) -> Factor:
    interval = Interval(money - 0.01, money + 0.01) if sure else Interval(-9.0, 9.0)
    return Factor(name, 1.0, 1.0 + money, money, interval, interval, money)


def test_parts_that_go_the_other_way_come_after_a_but() -> None:
    parts = (
        factor("conversion", -1.798),
        factor("orders per buyer", -0.4),
        factor("average ticket", 1.623),
    )
    found = Decomposition(sum(part.money for part in parts), parts, ())

    assert text(found.message("EUR")) == (
        "Revenue per visitor fell by €0.58: fewer buyers (-€1.80) and fewer orders per buyer "
        "(-€0.40) but bigger baskets (+€1.62)."
    )
    assert text(found.message("RON"), "ro").endswith("dar coșuri mai mari (+1,62\xa0RON).")


def test_one_order_per_buyer_is_no_part_of_a_change() -> None:
    # Without a spread rounding alone decides on which side of zero the interval lies.
    parts = (
        factor("conversion", 0.9),
        replace(factor("orders per buyer", -1e-16), joint=Interval(-1e-16, -1e-16)),
        factor("average ticket", 0.2),
    )

    assert "orders" not in text(Decomposition(1.1, parts, ()).message("EUR"))


def test_parts_that_may_be_chance_are_called_that() -> None:
    parts = (
        factor("conversion", 0.9),
        factor("orders per buyer", 0.3, sure=False),
        factor("average ticket", 0.2, sure=False),
    )
    unsure = (factor("conversion", -0.9, sure=False), *parts[1:])

    assert text(Decomposition(1.4, parts, ()).message("EUR")) == (
        "Revenue per visitor rose by €1.40: more buyers (+€0.90); the rest (+€0.50) may be due "
        "to chance."
    )
    assert text(Decomposition(-0.4, unsure, ()).message("EUR")) == (
        "Revenue per visitor fell by €0.40; it is not yet clear how much comes from buyers, orders "
        "or baskets."
    )


def test_a_cent_that_rounding_leaves_is_no_rest_that_may_be_chance() -> None:
    parts = (
        factor("conversion", 0.804),
        factor("orders per buyer", 0.0, sure=False),  # one order per buyer in both arms
        factor("average ticket", 0.504),
    )

    # 1.308 rounds to 1.31, its parts to 0.80 and 0.50: the cent goes to the larger of them.
    assert text(Decomposition(1.308, parts, ()).message("EUR")) == (
        "Revenue per visitor rose by €1.31: more buyers (+€0.81) and bigger baskets (+€0.50)."
    )


@given(
    st.lists(st.floats(-9, 9), min_size=3, max_size=3),
    st.sampled_from([("EUR", 2), ("JPY", 0), ("TND", 3)]),
)
def test_parts_add_up_as_they_are_printed_and_none_is_a_whole_digit_off(
    money: list[float], currency: tuple[str, int]
) -> None:
    code, digits = currency
    printed = rounded_parts(money, sum(money), code)

    total = float(round(Decimal(str(sum(money))), digits))
    assert sum(printed) == pytest.approx(total, abs=1e-9)
    for amount, part in zip(printed, money, strict=True):
        assert abs(amount - part) < 10**-digits + 1e-9
        assert amount == round(amount, digits)


@pytest.mark.parametrize(
    ("parts", "change", "printed"),
    [
        # Three halves of a cent: 0.015 rounds to 0.02, each of them to 0.00 or 0.01 alone.
        ([0.005, 0.005, 0.005], 0.015, [0.01, 0.01, 0.0]),
        # Alone +0.50, +0.15 and -0.42 give 0.23, and the change rounds to 0.24. Rounded down they
        # lose .89, .30 and .40 of a cent: of the two that are missing the second gets none.
        ([0.4989, 0.1530, -0.4160], 0.2359, [0.50, 0.15, -0.41]),
        ([-0.4989, -0.1530, 0.4160], -0.2359, [-0.50, -0.15, 0.41]),
        ([-0.804, 0.0, -0.504], -1.308, [-0.81, 0.0, -0.50]),
    ],
)
def test_what_rounding_leaves_goes_to_the_part_that_lost_most(
    parts: list[float], change: float, printed: list[float]
) -> None:
    assert rounded_parts(parts, change, "EUR") == printed


def test_a_sure_gain_within_a_loss_is_told_with_the_rest() -> None:
    parts = (
        factor("conversion", -1.2, sure=False),
        factor("orders per buyer", 1.70),
        factor("average ticket", -0.73, sure=False),
    )
    sentences = {
        locale: text(Decomposition(-0.23, parts, ()).message("EUR"), locale)
        for locale in ("en", "es", "ro")
    }

    assert sentences["en"] == (
        "Revenue per visitor fell by €0.23: more orders per buyer (+€1.70); the rest (-€1.93) "
        "may be due to chance."
    )
    assert "el resto (-1,93\xa0€) no se distingue del azar" in sentences["es"]
    assert "restul (-1,93\xa0EUR) nu se deosebește de întâmplare" in sentences["ro"]


@given(
    st.lists(st.floats(-9, 9), min_size=3, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.sampled_from([("EUR", 2), ("JPY", 0), ("TND", 3)]),
)
def test_the_parts_of_a_sentence_add_up_to_its_change(
    money: list[float], sure: list[bool], currency: tuple[str, int]
) -> None:
    code, digits = currency
    parts = [
        replace(factor(name, value, sure=is_sure), lift=value)
        for name, value, is_sure in zip(FACTORS, money, sure, strict=True)
    ]
    change = sum(money)
    message = Decomposition(change, (parts[0], parts[1], parts[2]), ()).message(code)
    assume(not message.key.endswith("_unclear"))

    def amounts(of: Message) -> Iterator[float]:
        for name, figure in of.figures:
            if isinstance(figure, Amount) and name != "change":
                yield round(figure.value, digits)
            for item in figure.items if isinstance(figure, Listed) else (figure,):
                if isinstance(item, Message):
                    yield from amounts(item)

    assert sum(amounts(message)) == pytest.approx(
        float(round(Decimal(str(change)), digits)), abs=1e-9
    )


def test_nothing_sold_cannot_be_taken_apart() -> None:
    arm, nothing = (Summary.from_rows(shop(200, conversion=p)) for p in (0.2, 0.0))

    with pytest.raises(NoEstimate, match="each must be positive"):
        decompose(arm, nothing)
    with pytest.raises(TooFewUnits):
        decompose(Summary.from_rows(shop(1, conversion=1.0)), arm)

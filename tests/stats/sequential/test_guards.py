"""What must be so before a z is believed: published forms, and both sides of every bound."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.errors import NotANumber
from fairlift_stats.sequential.guards import (
    Counted,
    Tail,
    TooFew,
    counted,
    exact_z,
    hall_inverse,
    hall_transform,
    is_even,
    tail_of,
)
from fairlift_stats.sequential.looks import ArmCount, Look
from fairlift_stats.sequential.plan import SequentialMetric

from tests.stats.sequential.shop import CR, evidence, plan

TICKET = SequentialMetric("average_ticket", unit="money", needs="orders")


def units(control: int, treatment: int) -> Look:
    return Look("2026-11-02", 1, (ArmCount("control", control), ArmCount("coupon", treatment)))


@pytest.mark.parametrize(
    ("control", "treatment", "even"),
    [(600, 400, True), (601, 399, False), (400, 600, True), (399, 601, False), (0, 0, True)],
)
def test_a_split_is_even_from_40_to_60(control: int, treatment: int, even: bool) -> None:
    assert is_even(plan(), units(control, treatment), "coupon") is even


def test_the_transform_is_halls() -> None:
    """Hall (1992): g(z) = z + g z^2/3 + g^2 z^3/27 + g/6."""
    for z, skew in ((2.0, 0.3), (-1.5, 0.3), (3.0, -0.6), (0.0, 0.12)):
        expected = z + skew * z * z / 3 + skew * skew * z * z * z / 27 + skew / 6
        assert hall_transform(z, skew) == pytest.approx(expected, rel=1e-12)
        assert Tail(skew=skew).guarded(z) == pytest.approx(expected, rel=1e-12)
        assert hall_inverse(expected, skew) == pytest.approx(z, abs=1e-9)
        assert Tail(skew=skew).plain(expected) == pytest.approx(z, abs=1e-9)
    assert (Tail().guarded(2.0), Tail().plain(2.0), Tail().trusted) == (2.0, 2.0, True)


@pytest.mark.parametrize(
    ("skew", "capped", "expected"),
    [
        (0.06, False, Tail()),
        (-0.06, False, Tail()),
        (0.0601, False, Tail(trusted=False)),
        (-0.0601, False, Tail(trusted=False)),
        (0.5, True, Tail(skew=0.5)),
        (None, False, Tail()),
    ],
)
def test_an_uneven_split_needs_caps_or_little_skew(
    skew: float | None, capped: bool, expected: Tail
) -> None:
    found = evidence("average_ticket", "coupon", 2.0, 7, skew=skew, capped=capped)
    uneven = units(900, 100)

    assert tail_of(plan(), uneven, TICKET, found) == expected
    # What needs no orders has no tickets, and an even split no tail.
    assert tail_of(plan(), uneven, replace(TICKET, needs="converters"), found) == Tail()
    assert tail_of(plan(), units(500, 500), TICKET, found) == Tail()


def with_counts(control: tuple[int, int], treatment: tuple[int, int]) -> Look:
    """Converters and orders of each arm."""
    pairs = (("control", control), ("coupon", treatment))
    return Look("2026-11-02", 1, tuple(ArmCount(arm, 5000, *each) for arm, each in pairs))


@pytest.mark.parametrize(
    ("control", "treatment", "expected"),
    [
        (25, 25, Counted(None, True)),
        (24, 25, Counted(TooFew("converters", "control", 24, 25), True)),
        (25, 24, Counted(TooFew("converters", "coupon", 24, 25), True)),
        (25, 0, Counted(TooFew("converters", "coupon", 0, 25), True)),
        (12, 13, Counted(TooFew("converters", "control", 12, 25), True)),
        (12, 12, Counted(TooFew("converters", "control", 12, 25), False)),
    ],
)
def test_enough_is_25_converters_in_each_arm_and_for_harm_in_both(
    control: int, treatment: int, expected: Counted
) -> None:
    look = with_counts((control, 900), (treatment, 900))

    assert counted(plan(), look, CR, "coupon") == expected
    assert expected.enough == (expected.shortage is None)


def test_enough_is_100_orders_for_what_needs_orders() -> None:
    for orders, enough in ((100, True), (99, False)):
        found = counted(plan(), with_counts((0, 100), (0, orders)), TICKET, "coupon")
        assert found.enough is enough
        assert found.together
    few = counted(plan(), with_counts((0, 49), (0, 50)), TICKET, "coupon")
    assert few == Counted(TooFew("orders", "control", 49, 100), False)


def test_the_events_of_a_metric_come_before_those_of_the_shop() -> None:
    found = evidence("conversion_rate", "coupon", 1.0, 1, events=(30, 24))
    look = replace(with_counts((900, 0), (900, 0)), evidence=(found,))

    assert counted(plan(), look, CR, "coupon").shortage == TooFew("converters", "coupon", 24, 25)


def test_what_needs_nothing_and_the_exact_test_always_have_enough() -> None:
    none = with_counts((0, 0), (0, 0))
    exact = plan(engine="exact_conversion", planned_converters=800)
    guardrail = SequentialMetric("cart_rate", role="guardrail", margin=0.1)

    assert counted(plan(), none, replace(CR, needs="nothing"), "coupon") == Counted(None, True)
    assert counted(exact, none, CR, "coupon") == Counted(None, True)
    assert not counted(exact, none, guardrail, "coupon").together
    with pytest.raises(NotANumber, match=r"control\.orders"):
        counted(plan(), units(10, 10), TICKET, "coupon")


def test_the_exact_deviate_ends_where_doubles_do() -> None:
    none, all_ = TwoRates(0, 5000, 4000, 5000), TwoRates(4000, 5000, 0, 5000)

    assert exact_z(none, "higher") == -38.0
    assert exact_z(all_, "lower") == -38.0
    assert exact_z(none, "lower") == exact_z(all_, "higher") == 38.0
    # One event in the treatment of one in all: at least as many with probability 1/2.
    assert exact_z(TwoRates(1, 100, 0, 100), "lower") == pytest.approx(0.0, abs=1e-12)
    assert exact_z(TwoRates(0, 100, 1, 100), "higher") == pytest.approx(0.0, abs=1e-12)
    assert math.isfinite(exact_z(TwoRates(0, 100, 0, 100), "higher"))

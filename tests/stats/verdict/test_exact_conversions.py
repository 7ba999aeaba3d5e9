"""The exact conversion test of each comparison, from the formula of its source and by hand."""

import math
from typing import Any

import pytest
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.standings import Standing, exact_alpha, exact_setting
from scipy.optimize import minimize_scalar

from tests.stats.verdict.standings import CONVERSION, evidence, look, plan, standings


def exact(**changes: Any) -> SequentialPlan:
    return plan(engine="exact_conversion", planned_converters=400, minimum_days=0, **changes)


def stands(made: SequentialPlan, control: int, treatment: int, *, day: int = 7) -> Standing:
    """After so many buyers; the z that was measured plays no part."""
    rates = TwoRates(treatment, 3500, control, 3500)
    seen = evidence(7.7, 7_000, rates=rates, events=(control, treatment))
    return standings(made, [look(made, day, seen)])[0]


def tuning(alpha: float) -> float:
    """The n/k at which the normal mixture's limit is narrowest (Howard et al. 2021)."""

    def width(log_r: float) -> float:
        r = math.exp(log_r)
        return (1 + 1 / r) * (2 * math.log(1 / alpha) + math.log1p(r))

    found = minimize_scalar(width, bounds=(-5, 5), method="bounded", options={"xatol": 1e-10})
    return math.exp(found.x)


def log_evidence(control: int, treatment: int, share: float, k: float) -> float:
    """Lindon & Malek (2022): the Dirichlet-multinomial against the planned shares."""
    total = math.lgamma(k) - math.lgamma(k + control + treatment)
    for count, rho in ((control, 1 - share), (treatment, share)):
        total += math.lgamma(k * rho + count) - math.lgamma(k * rho) - count * math.log(rho)
    return total


UNEVEN = exact(arms=("control", "other", "coupon"), shares=(0.5, 0.3, 0.2))
# Of the two arms together the coupon has two sevenths, and .7 of the planned converters.
SHARE, NEEDED = 2 / 7, -math.log(0.05 * 0.98 / 2)


def test_a_comparison_has_its_share_of_two_arms_and_of_the_planned_converters() -> None:
    share, k = exact_setting(UNEVEN, "coupon")

    assert share == pytest.approx(SHARE)
    assert k == pytest.approx(400 * 0.7 / tuning(0.05), rel=1e-6)
    assert exact_setting(UNEVEN, "other")[0] == pytest.approx(3 / 8)
    assert exact_setting(UNEVEN, "other")[1] == pytest.approx(400 * 0.8 / tuning(0.05), rel=1e-6)


def test_comparisons_share_what_the_alarm_leaves_of_alpha() -> None:
    cart = (CONVERSION, type(CONVERSION)("cart_rate"))

    assert exact_alpha(exact()) == pytest.approx(0.049)
    assert exact_alpha(UNEVEN) == pytest.approx(0.0245)
    four = exact(metrics=cart, arms=("control", "other", "coupon"), alpha=0.1)
    assert exact_alpha(four) == pytest.approx(0.0245)


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("treatment", [0, 4, 12, 20, 21, 28, 36, 37, 38, 39, 60])
def test_evidence_z_and_meter_are_those_of_the_formula(treatment: int, direction: str) -> None:
    control = 50
    metric = type(CONVERSION)("conversion_rate", direction=direction)  # type: ignore[arg-type]
    made = exact(arms=("control", "other", "coupon"), shares=(0.5, 0.3, 0.2), metrics=(metric,))
    total = control + treatment
    log_e = log_evidence(control, treatment, SHARE, 280 / tuning(0.05))
    away = (treatment - total * SHARE) * (1 if direction == "higher" else -1)

    found = stands(made, control, treatment)

    assert found.z == pytest.approx(away / math.sqrt(total * SHARE * (1 - SHARE)), abs=1e-12)
    meter = max(0.0, log_e / NEEDED) if away > 0 else 0.0
    assert found.meter == pytest.approx(meter, rel=1e-6, abs=1e-12)
    crossed = ("success" if away > 0 else "harm") if log_e >= NEEDED else None
    assert found.crossing == crossed


def test_both_sides_of_what_the_test_needs_are_among_these() -> None:
    k = 280 / tuning(0.05)
    beyond = [log_evidence(50, x, SHARE, k) >= NEEDED for x in (0, 4, 12, 28, 36, 37, 38, 39, 60)]

    assert beyond.count(True) >= 2
    assert beyond.count(False) >= 3


def test_success_waits_for_the_minimum_of_days_and_harm_does_not() -> None:
    made = plan(engine="exact_conversion", planned_converters=100, minimum_days=7)

    assert stands(made, 1, 22, day=6).crossing is None
    assert stands(made, 1, 22, day=7).crossing == "success"
    assert stands(made, 22, 1, day=6).crossing == "harm"
    assert stands(made, 1, 22, day=6).meter == stands(made, 1, 22, day=7).meter


def test_as_many_buyers_as_expected_are_no_evidence_and_none_no_z() -> None:
    made = exact()

    even, one, none = stands(made, 5, 5), stands(made, 0, 1), stands(made, 0, 0)

    assert (even.z, even.meter, even.crossing) == (0.0, 0.0, None)
    # One buyer with even shares: its chance is a half whatever the prior, so it says nothing.
    assert one.z == pytest.approx(1.0)
    assert one.meter == pytest.approx(0.0, abs=1e-12)
    assert (none.z, none.meter, none.crossing) == (None, None, None)
    assert standings(made, [look(made, 7, evidence(9.0, 7_000))])[0].z is None


def test_the_side_is_that_of_the_share_though_it_is_less_than_one_buyer_away() -> None:
    """With alpha .9 an evidence of 1/.882 is enough, which two buyers bring."""
    made = plan(engine="exact_conversion", planned_converters=1, minimum_days=0, alpha=0.9)
    uneven = plan(
        engine="exact_conversion", planned_converters=1, minimum_days=0, alpha=0.9,
        shares=(0.6, 0.4),
    )  # fmt: skip
    k = 1 / tuning(0.9)

    # E[theta^2]/.25 = (k + 2)/(k + 1); and E[(1 - theta)^2]/.36 = (.6 k + 1)/(.6 (k + 1)).
    ahead, behind = math.log((k + 2) / (k + 1)), math.log((0.6 * k + 1) / (0.6 * (k + 1)))
    needed = -math.log(0.9 * 0.98)
    assert min(ahead, behind) > needed
    won, lost = stands(made, 0, 2), stands(uneven, 2, 0)
    assert (won.crossing, lost.crossing) == ("success", "harm")
    assert won.meter == pytest.approx(ahead / needed, rel=1e-6)
    assert lost.meter == 0.0

"""Expected losses of a comparison, by quadrature over the posterior, and when they decide."""

import math
from dataclasses import replace
from typing import Any

import pytest
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.standings import Standing
from scipy.integrate import quad
from scipy.stats import norm

from tests.stats.verdict.standings import CONVERSION, plan, standing


def careful(**changes: Any) -> SequentialPlan:
    return plan(engine="bayes_expected_loss", **changes)


def losses(z: float, *, control: float = 0.03, se: float = 0.001) -> tuple[float, float]:
    """Normal prior with deviation .03 on the lift, normal likelihood: shipping's, and keeping's."""
    lift, error = z * se / abs(control), se / abs(control)
    weight = 0.03**2 / (0.03**2 + error**2)
    posterior = norm(lift * weight, error * math.sqrt(weight))
    far = 12 * posterior.std()
    low, high = min(-far, posterior.mean() - far), max(far, posterior.mean() + far)
    ship, _ = quad(lambda d: -d * posterior.pdf(d), low, 0.0, limit=200, epsabs=1e-13)
    keep, _ = quad(lambda d: d * posterior.pdf(d), 0.0, high, limit=200, epsabs=1e-13)
    return ship, keep


def loss_of(found: Standing) -> tuple[float, float]:
    assert found.loss is not None
    return found.loss


@pytest.mark.parametrize("control", [0.03, 1.0, -0.03, -1.0])
@pytest.mark.parametrize("z", [-2.0, -0.4, 0.0, 0.7, 2.5])
def test_losses_are_the_integrals_over_the_posterior(z: float, control: float) -> None:
    se = 0.03 * abs(control)
    ship, keep = losses(z, control=control, se=se)

    found = standing(careful(), 7, z, 7_000, control=control, se=se)

    assert loss_of(found) == pytest.approx((ship, keep), rel=1e-6)
    assert found.meter == pytest.approx(min(1.0, 0.001 / ship), rel=1e-6)


def test_of_a_metric_where_less_is_better_the_losses_change_places() -> None:
    made = careful(metrics=(replace(CONVERSION, direction="lower"),))

    found = standing(made, 7, 1.5, 7_000)

    assert loss_of(found) == pytest.approx(losses(1.5)[::-1], rel=1e-6)


@pytest.mark.parametrize("z", [2.0, -2.0])
def test_the_smaller_loss_decides_below_the_threshold_and_not_at_it(z: float) -> None:
    ship, keep = loss_of(standing(careful(), 7, z, 7_000))
    least = min(ship, keep)

    def stands(threshold: float, *, day: int = 7) -> tuple[str | None, bool]:
        found = standing(careful(loss_threshold=threshold), day, z, 1_000 * day)
        return found.crossing, found.gives_up

    decided = ("success", False) if z > 0 else (None, True)
    assert stands(least) == (None, False)
    assert stands(math.nextafter(least, 1.0)) == decided
    # Above both losses, the smaller one still says what to do.
    assert stands(0.5) == decided
    # Between two judging looks nothing is decided.
    assert stands(0.5, day=9) == (None, False)
    assert stands(0.5, day=6) == (None, False)


def test_where_both_losses_are_equal_the_change_may_ship() -> None:
    found = standing(careful(loss_threshold=0.5), 7, 0.0, 7_000)

    ship, keep = loss_of(found)
    assert ship == keep
    assert (found.crossing, found.gives_up) == ("success", False)


def test_the_meter_is_full_once_the_loss_is_small_enough_or_nothing() -> None:
    small = standing(careful(loss_threshold=0.5), 7, 2.0, 7_000)
    nothing = standing(careful(), 7, 300.0, 7_000, se=0.00002)

    assert small.meter == 1.0
    assert (nothing.meter, nothing.crossing) == (1.0, "success")
    assert loss_of(nothing)[0] == pytest.approx(0.0, abs=1e-300)
    assert standing(careful(), 9, 2.0, 9_000).meter is None


def test_harm_is_told_by_its_line_whatever_may_be_lost() -> None:
    harmed = standing(careful(loss_threshold=0.9), 7, -4.0, 7_000)
    quiet = standing(careful(), 7, -1.0, 7_000)

    assert (harmed.crossing, quiet.crossing) == ("harm", None)
    assert loss_of(harmed) == pytest.approx(losses(-4.0), rel=1e-6)


def test_a_control_at_zero_has_no_loss_but_may_be_harmed() -> None:
    open_ = standing(careful(), 7, 2.0, 7_000, control=0.0)
    harmed = standing(careful(), 7, -4.0, 7_000, control=0.0)

    assert (open_.loss, open_.crossing, open_.meter) == (None, None, None)
    assert (harmed.loss, harmed.crossing) == (None, "harm")
    assert open_.line.harm is not None

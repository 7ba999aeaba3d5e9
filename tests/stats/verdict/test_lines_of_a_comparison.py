"""A z on a line is beyond it; evidence is told as a share of what success needs."""

import math
from dataclasses import replace
from itertools import product

import pytest
from fairlift_stats.methods.two_rates import TwoRates
from fairlift_stats.sequential.calendar import Closing, Occasion
from fairlift_stats.sequential.guards import Counted, Tail, TooFew
from fairlift_stats.sequential.lines import Moment
from fairlift_stats.verdict.standings import moment_of
from scipy.stats import binom, norm

from tests.stats.verdict.standings import CONVERSION, evidence, look, plan, standing, standings

# First looks at t = 1/4 have lines in closed form.
SUCCESS = norm.isf(0.025 * math.expm1(1) / math.expm1(4))
HARM = norm.ppf(0.024 * math.log1p((math.e - 1) / 4))


@pytest.mark.parametrize("z", [-5.0, -1.0, 0.0, 0.5, 2.0, 5.0])
def test_the_meter_is_the_share_of_the_success_line_and_never_below_nothing(z: float) -> None:
    found = standing(plan(), 7, z, 7_000)

    assert found.meter == pytest.approx(max(0.0, z / SUCCESS), abs=1e-6)
    assert found.line.success == pytest.approx(SUCCESS, abs=1e-6)
    assert found.line.harm == pytest.approx(HARM, abs=1e-6)


def test_a_z_on_a_line_is_beyond_it_and_one_double_less_is_not() -> None:
    made = plan()
    line = standing(made, 7, 0.5, 7_000).line
    assert line.success is not None
    assert line.harm is not None
    assert line.give_up is not None

    def crossing(z: float) -> str | None:
        return standing(made, 7, z, 7_000).crossing

    assert crossing(line.success) == "success"
    assert standing(made, 7, line.success, 7_000).meter == 1.0
    assert crossing(math.nextafter(line.success, 0.0)) is None
    assert crossing(line.harm) == "harm"
    assert crossing(math.nextafter(line.harm, 0.0)) is None
    # To give up takes less than the line.
    assert not standing(made, 7, line.give_up, 7_000).gives_up
    assert standing(made, 7, math.nextafter(line.give_up, -9.0), 7_000).gives_up


def test_no_difference_is_neither_given_up_nor_evidence() -> None:
    found = standing(plan(), 7, 0.0, 7_000)

    assert found.line.give_up is not None
    assert -1 < found.line.give_up < 0
    assert (found.gives_up, found.meter, found.crossing, found.leads) == (False, 0.0, None, False)


def test_where_success_is_not_judged_there_is_no_meter_and_nothing_to_give_up() -> None:
    found = standing(plan(), 9, -2.0, 9_000)

    assert (found.meter, found.gives_up, found.line.success) == (None, False, None)
    assert found.line.harm is not None


def test_a_comparison_without_evidence_stands_nowhere() -> None:
    found = standings(plan(), [look(plan(), 7)])[0]

    assert (found.z, found.evidence, found.crossing, found.meter) == (None, None, None, None)
    assert (found.leads, found.gives_up) == (False, False)


@pytest.mark.parametrize(("z", "leads"), [(-0.5, False), (0.0, False), (0.5, True), (1.5, True)])
def test_what_points_to_the_better_side_leads(z: float, leads: bool) -> None:
    lower = replace(plan(), metrics=(replace(CONVERSION, direction="lower"),))

    assert standing(plan(), 7, z, 7_000).leads == leads
    assert standing(lower, 7, -z, 7_000).leads == leads
    assert standing(lower, 7, -z, 7_000).z == pytest.approx(z)


def test_while_an_arm_is_small_harm_is_told_by_the_exact_test_alone() -> None:
    """30 buyers together: 2 or 11 of them in the treatment, whatever the z says."""
    made = plan()

    def crossing(bought: int, z: float, *, rates: bool = True) -> str | None:
        counts = TwoRates(bought, 3500, 30 - bought, 3500) if rates else None
        events = (30 - bought, bought)
        return standing(made, 7, z, 7_000, rates=counts, events=events).crossing

    for bought in range(14):
        exact = norm.ppf(binom.cdf(bought, 30, 0.5))
        assert crossing(bought, 1.0) == ("harm" if exact <= HARM else None)
        assert crossing(bought, -6.0) == ("harm" if exact <= HARM else None)
    assert crossing(2, -6.0, rates=False) is None
    # Both have 25: the z decides.
    enough = TwoRates(25, 3500, 70, 3500)
    assert standing(made, 7, 1.0, 7_000, rates=enough, events=(70, 25)).crossing is None
    assert standing(made, 7, HARM - 0.01, 7_000, rates=enough, events=(70, 25)).crossing == "harm"


ENOUGH = Counted(None, together=True)
TOGETHER = Counted(TooFew("converters", "coupon", 5, 25), together=True)
FEW = Counted(TooFew("converters", "coupon", 5, 25), together=False)


@pytest.mark.parametrize("counts", [ENOUGH, TOGETHER, FEW], ids=["enough", "together", "few"])
@pytest.mark.parametrize(
    ("is_there", "trusted", "success", "harm"), list(product([False, True], repeat=4))
)
def test_a_look_judges_what_its_day_is_for_and_its_counts_allow(
    counts: Counted, is_there: bool, trusted: bool, success: bool, harm: bool
) -> None:
    seen = evidence(1.0, 7_000) if is_there else None
    closing: Closing | None = "days" if success else None

    moment = moment_of(plan(), seen, Occasion(success, harm, closing), counts, Tail(trusted))

    counts_here = is_there and trusted
    is_enough, are_together = counts is ENOUGH, counts is not FEW
    assert moment == Moment(
        time=0.25 if is_there else 0.0,
        judges_success=all((counts_here, success, is_enough)),
        judges_harm=all((counts_here, harm, are_together)),
        watches=all((counts_here, are_together)),
        spends_the_rest=success,
    )

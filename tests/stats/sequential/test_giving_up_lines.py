"""Lines below which a campaign gives up."""

import math

import pytest
from fairlift_stats.sequential.group_sequential.boundaries import (
    exit_probabilities,
)
from fairlift_stats.sequential.group_sequential.futility import futility_lines
from fairlift_stats.sequential.group_sequential.spending import Side, Spending
from fairlift_stats.sequential.lines import (
    give_up_lines,
    stopping_lines,
    with_drift,
)

from tests.stats.sequential.shop import plan
from tests.stats.sequential.test_lines import HALF


def test_giving_up_closes_with_the_units_or_with_the_last_day() -> None:
    made = with_drift(plan())

    # At an end both lines meet: what is not a success is given up.
    at_units = give_up_lines(made, (0.5, 1.0))
    assert at_units[1] == pytest.approx(stopping_lines(made, (0.5, 1.0)).upper[1], abs=1e-6)
    open_ = give_up_lines(made, (0.5, 0.9))
    assert open_[1] < stopping_lines(made, (0.5, 0.9)).upper[1] - 0.1
    closed = give_up_lines(made, (0.5, 0.9), closes=True)
    assert closed[1] > open_[1]


def test_giving_up_needs_a_plan_for_it_and_ends_with_the_units() -> None:
    times = (0.5, 1.0, 1.2)

    assert give_up_lines(with_drift(plan(futility=None)), times) == (-math.inf,) * 3
    assert give_up_lines(plan(), times) == (-math.inf,) * 3
    assert give_up_lines(with_drift(plan(engine="yeast")), times) == (-math.inf,) * 3
    assert give_up_lines(with_drift(plan()), ()) == ()
    lines = give_up_lines(with_drift(plan()), times)
    assert lines[2] == -math.inf
    assert lines[1] == pytest.approx(stopping_lines(plan(), times).upper[1])


def test_a_binding_line_to_give_up_leaves_the_error_as_promised_too() -> None:
    lines = futility_lines(
        HALF,
        drift=3.0,
        success=Side(Spending("hsd", -4.0), 0.025),
        give_up=Side(Spending("hsd", -2.0), 0.2),
        binding=True,
    )

    assert lines.lower[-1] == lines.upper[-1]
    assert exit_probabilities(lines, [0.0]).power[0] == pytest.approx(0.025, abs=1e-7)

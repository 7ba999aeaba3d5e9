"""What a shop says of today becomes the spread that sizes a campaign."""

import math

import numpy as np
import pytest
from fairlift_stats.design.planning import Baseline
from fairlift_stats.sequential.errors import NotANumber


def test_revenue_has_the_mean_and_deviation_of_its_units() -> None:
    # 1,000 units, 30 of whom buy at known tickets; numpy computes both moments from all units.
    tickets = np.repeat([20.0, 50.0, 95.0], 10)
    units = np.concatenate([tickets, np.zeros(970)])

    baseline = Baseline.of_revenue(0.03, ticket=tickets.mean(), ticket_sd=tickets.std())

    assert baseline.mean == pytest.approx(units.mean(), rel=1e-12)
    assert baseline.sd == pytest.approx(units.std(), rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "ticket", "deviation"),
    [(0.0, 50, 10), (1.0, 50, 10), (0.03, 0, 10), (0.03, math.inf, 10), (0.03, 50, -1)],
)
def test_a_shop_that_cannot_be_is_refused(rate: float, ticket: float, deviation: float) -> None:
    with pytest.raises(NotANumber):
        Baseline.of_revenue(rate, ticket=ticket, ticket_sd=deviation)

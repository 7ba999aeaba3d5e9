"""Hard input to sequential analysis: an error of our own, never what looks like an answer."""

import math
from collections.abc import Callable

import pytest
from fairlift_stats import BadSummary, StatisticsError, TooFewUnits
from fairlift_stats.sequential.anytime.always_valid import (
    StreamMoments,
    msprt_stream,
    relative_lift,
)
from fairlift_stats.sequential.anytime.counts import share_interval, share_log_e
from fairlift_stats.sequential.anytime.expected_loss import expected_losses
from fairlift_stats.sequential.anytime.mixture import always_valid_p
from fairlift_stats.sequential.bandit.effects import ArmDay
from fairlift_stats.sequential.errors import BadPlan, NoAnswer, NotANumber, ZeroVariance
from fairlift_stats.sequential.group_sequential.characteristics import fixed_drift
from fairlift_stats.sequential.group_sequential.estimation import repeated_interval
from fairlift_stats.sequential.group_sequential.spending import Spending
from fairlift_stats.sequential.looks import TrafficPart
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan

NAN, INF = math.nan, math.inf


def _plan(*, n_max: float = 1000, drift: float | None = None) -> SequentialPlan:
    # A number read from elsewhere may be any: the type does not stop it.
    size: int = n_max  # type: ignore[assignment]
    return SequentialPlan(("a", "b"), (SequentialMetric("x"),), n_max=size, drift=drift)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda: StreamMoments.of_rate(0, 0), NotANumber),
        (lambda: StreamMoments.of_rate(10, 11), NotANumber),
        (lambda: StreamMoments.of_sums(4, 40, 3), BadSummary),
        (lambda: StreamMoments.of_sums(1, 3, 9), TooFewUnits),
        (lambda: StreamMoments.of_sums(4, 4e9 + 40, 4e18 + 8e10), BadSummary),
        (lambda: StreamMoments.of_ratio(1, y=9, yy=81, d=1, dd=1, yd=9), TooFewUnits),
        (lambda: relative_lift(StreamMoments(5, -1, 1), StreamMoments(5, 1, 1)), NoAnswer),
        (lambda: msprt_stream([1, 2], sigma=0, tau=1), ZeroVariance),
        (lambda: ArmDay.of_rate(3, 5), NotANumber),
        (lambda: expected_losses(NAN, 1), NotANumber),
        (lambda: fixed_drift(alpha=0.05, sides=3, power=0.8), BadPlan),
        (lambda: share_log_e(NAN, 1, 0.5, prior=(1, 1)), NotANumber),
        (lambda: share_interval(INF, 1, prior=(1, 1)), NotANumber),
        (lambda: share_interval(3, 1, prior=(NAN, 1)), NotANumber),
        (lambda: always_valid_p([0.3, NAN]), NotANumber),
        (lambda: repeated_interval(NAN, 1, 2), NotANumber),
        (lambda: repeated_interval(1, 1, NAN), NotANumber),
        (lambda: repeated_interval(1, 0, 2), ZeroVariance),
        (lambda: Spending("hsd", -4.0).spent(0.05, NAN), NotANumber),
        (lambda: TrafficPart("web", (1, NAN)), NotANumber),  # type: ignore[arg-type]
        (lambda: _plan(n_max=NAN), BadPlan),
        (lambda: _plan(n_max=INF), BadPlan),
        (lambda: _plan(n_max=1000.5), BadPlan),
        (lambda: _plan(drift=NAN), BadPlan),
        (lambda: _plan(drift=-1), BadPlan),
    ],
)
def test_what_has_no_answer_gets_none(
    ask: Callable[[], object], error: type[StatisticsError]
) -> None:
    with pytest.raises(error):
        ask()

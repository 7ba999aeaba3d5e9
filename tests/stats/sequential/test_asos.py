import math

import pytest
from fairlift_stats.sequential.anytime.always_valid import msprt
from fairlift_stats.sequential.anytime.mixture import always_valid_p
from scipy.special import stdtr

from tests.stats.sequential.asos import FILE, TAU_SQUARED, Point, streams

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the ASOS file is not here")

# Both / only mSPRT / neither / only t, as published; then p <= .05 at the end, and at any look.
PUBLISHED = {
    1: (19, 2, 71, 7, 26, 46),
    2: (20, 18, 49, 7, 27, 64),
    3: (16, 6, 63, 9, 25, 57),
    4: (16, 4, 63, 11, 27, 58),
}


def welch_p(point: Point) -> float:
    t = abs(point.difference) / math.sqrt(point.variance)
    return 2 * float(stdtr(point.degrees, -t))


@pytest.mark.parametrize("metric", [1, 2, 3, 4])
def test_the_published_table_of_welch_and_msprt_is_reproduced(metric: int) -> None:
    table = {(True, True): 0, (False, True): 0, (False, False): 0, (True, False): 0}
    at_end = ever = 0
    for points in streams(metric).values():
        logs = [
            msprt(p.difference, p.variance, tau=math.sqrt(TAU_SQUARED[metric] * p.variance_c)).log_e
            for p in points
        ]
        welch = [welch_p(p) for p in points]
        table[welch[-1] <= 0.05, always_valid_p(logs)[-1] <= 0.05] += 1
        at_end += welch[-1] <= 0.05
        ever += min(welch) <= 0.05

    assert (*table.values(), at_end, ever) == PUBLISHED[metric]

"""A split that was off once and has evened out since is told as it was then, with its day."""

from collections.abc import Iterator
from pathlib import Path

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event
from scipy.stats import chisquare

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, START, start
from tests.server.live_days import DAY, live_until, planned


def visitors(day: int, control: int, free: int) -> Iterator[Event]:
    for arm, units in (("control", control), ("free", free)):
        for number in range(units):
            at = START + (day - 1) * DAY + DAY * ((number + 0.5) / units)
            yield shop.exposure(f"{arm}-{day}-{number}", arm, at=at)


async def test_a_split_that_evened_out_is_told_as_it_was(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned(maximum_days=14, planned_units=2_000))
        await live_until(caller, 1, visitors(1, 200, 80))
        await live_until(caller, 2, visitors(2, 80, 200))

        report = await caller.results.GetResults(pb.GetResultsRequest(name=NAME), timeout=120)

    (check,) = (each for each in report.health.checks if each.name == "sample_ratio")
    # 280 of each by now; 200 and 80 on the first day, which chance does not do.
    p = chisquare([200, 80]).pvalue
    assert p < 1e-6
    day = f"{START:%B} {START.day}"
    assert f"By {day} the traffic split did not match the plan" in check.sentence
    assert "control has 71.4% instead of 50.0%" in check.sentence
    assert "free has 28.6% instead of 50.0%" in check.sentence
    assert check.value < 1e-6

"""Campaigns whose events come in day by day, and what is read of them."""

from collections.abc import Iterator
from datetime import timedelta

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event

from tests.server import shop
from tests.server.client import Caller
from tests.server.crowds import NAME, START, send

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def day_of(day: int, *, each: int = 100, buyers: tuple[int, int] = (10, 25)) -> Iterator[Event]:
    """What happens on one campaign day: so many units an arm, the first of them buying at once."""
    for arm, bought in zip(("control", "free"), buyers, strict=True):
        for number in range(each):
            unit = f"{arm}-{day}-{number}"
            at = START + (day - 1) * DAY + DAY * ((number + 0.5) / each)
            yield shop.exposure(unit, arm, at=at)
            if number < bought:
                yield shop.order(unit, f"o-{unit}", shop.line(20.0), at=at + timedelta(minutes=1))


async def live_until(caller: Caller, day: int, events: Iterator[Event]) -> None:
    """Events of a day come in on that day; then it is three hours after its end."""
    caller.clock.set(START + day * DAY)
    await send(caller, events)
    caller.clock.set(START + day * DAY + 3 * HOUR)


async def read(caller: Caller) -> pb.Report:
    return await caller.results.GetResults(pb.GetResultsRequest(name=NAME), timeout=120)


async def list_looks(caller: Caller) -> list[pb.Look]:
    request = pb.ListLooksRequest(name=NAME, page_size=500)
    return list((await caller.results.ListLooks(request)).looks)


def planned(**plan: object) -> Campaign:
    return shop.campaign(
        metric="conversion_rate",
        **({"planned_units": 5_600, "maximum_days": 28} | plan),  # type: ignore[arg-type]  # fields of a plan
    )

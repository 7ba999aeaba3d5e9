"""Crowds of visitors sent to the service, and what it reports of them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event

from tests.server import shop
from tests.server.client import Caller

NAME = "campaigns/free-shipping"
# The first moment of the campaign's first day.
START = shop.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=21)
# Noon of a later day: what is read hours after it is read on the same day.
NOW = START + timedelta(days=22, hours=12)


async def start(caller: Caller, campaign: Campaign, *, at: datetime = START) -> Campaign:
    """Starts the campaign a minute before `at` by the server's clock, which then goes to `NOW`."""
    caller.clock.set(at - timedelta(minutes=1))
    started = await caller.start(campaign)
    caller.clock.set(NOW)
    return started


async def results(caller: Caller, language: str = "", epoch: int = 0) -> pb.Report:
    """The report when nothing has come in for three hours."""
    caller.clock.ahead += timedelta(hours=3)
    request = pb.GetResultsRequest(name=NAME, language=language, epoch=epoch)
    return await caller.results.GetResults(request, timeout=120)


def metric(report: pb.Report, name: str) -> pb.MetricResult:
    return next(result for result in report.metrics if result.metric == name)


def totals(report: pb.Report) -> dict[str, tuple[int, int, int, float, float]]:
    return {
        total.variant: (
            total.units,
            total.buyers,
            total.orders,
            total.revenue_micros / shop.EURO,
            total.net_revenue_micros / shop.EURO,
        )
        for total in report.totals
    }


def crowd(
    variant: str, units: int, tickets: list[float], *, start: datetime = START
) -> Iterator[Event]:
    """Units spread evenly over 14 days, the first of them buying one minute later."""
    for number in range(units):
        unit = f"{variant}-{number}"
        at = start + timedelta(days=14) * (number / units)
        yield shop.exposure(unit, variant, at=at)
        if number < len(tickets):
            yield shop.order(
                unit,
                f"order-{unit}",
                shop.line(tickets[number]),
                at=at + timedelta(minutes=1),
            )


async def send(caller: Caller, events: Iterator[Event]) -> None:
    waiting = list(events)
    for first in range(0, len(waiting), 500):
        await caller.accepted(waiting[first : first + 500])


def arrivals(variant: str, days: range, *, buyers: int, price: float = 20.0) -> Iterator[Event]:
    """Fifty units at the start of each of these days, the first of them buying at once."""
    for day in days:
        for number in range(50):
            unit, at = f"{variant}-{day}-{number}", START + timedelta(days=day)
            yield shop.exposure(unit, variant, at=at)
            if number < buyers:
                yield shop.order(unit, f"order-{unit}", shop.line(price * (1 + number % 3)), at=at)

"""micro_value: what an action is worth, given or worked out; and what another worth changes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.v1.event_service_pb2 import Event

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import START, metric, results, send, start

MINUTE = timedelta(minutes=1)
GIVEN = plan_pb2.MicroValue(action="view_360", weight=300)
CALIBRATED = plan_pb2.MicroValue(action="view_360", calibrated=plan_pb2.MicroValue.Calibrated())


def campaign(*micro_values: plan_pb2.MicroValue, metric: str = "micro_value(view_360)") -> Campaign:
    return shop.campaign(metric=metric, micro_values=micro_values)


def bookings(*, booked: bool = True, times: int = 1) -> Iterator[Event]:
    """Ten views of the control lead to one booking of 3,000; in the treatment all 20 view."""
    for variant, views in (("control", 10), ("free", 20)):
        for number in range(20 * times):
            unit, at = f"{variant}-{number}", START + timedelta(hours=number)
            yield shop.exposure(unit, variant, at=at)
            # Before the view, so that it did not lead to it.
            if booked and number == 1 and variant == "control":
                yield shop.order(unit, "early", shop.line(3_000), at=at)
            if number < views * times:
                yield shop.action(unit, "view_360", at=at + MINUTE)
            if booked and number < times:
                yield shop.order(unit, f"o-{unit}", shop.line(3_000), at=at + 2 * MINUTE)


async def report(folder: Path, planned: Campaign, events: Iterator[Event]) -> pb.MetricResult:
    async with running(folder) as caller:
        await start(caller, planned)
        await send(caller, events)
        return metric(await results(caller), "micro_value(view_360)")


@pytest.mark.parametrize("micro_value", [GIVEN, CALIBRATED])
async def test_ten_views_that_lead_to_one_booking_of_3000_are_worth_300_each(
    tmp_path: Path, micro_value: plan_pb2.MicroValue
) -> None:
    found = await report(tmp_path, campaign(micro_value), bookings())

    control, free = found.arms
    assert [control.estimate, free.estimate] == pytest.approx([150, 300])
    assert found.worth.worth == pytest.approx(300)
    assert found.worth.calibrated is (micro_value is CALIBRATED)
    if micro_value is CALIBRATED:
        assert found.worth.order_share == pytest.approx(1 / 10)
        assert found.worth.average_ticket == pytest.approx(3_000)
        assert "10.0%" in found.worth.sentence
    (comparison,) = found.comparisons
    (other,) = found.worth.comparisons
    assert comparison.difference == pytest.approx(150)
    assert [other.at_half, other.at_double] == pytest.approx([75, 300])


async def test_the_worth_changes_no_lift_and_no_p_value(tmp_path: Path) -> None:
    found = []
    for name, micro_value in (("given", GIVEN), ("calibrated", CALIBRATED)):
        (tmp_path / name).mkdir()
        (comparison,) = (
            await report(tmp_path / name, campaign(micro_value), bookings(times=10))
        ).comparisons
        found.append((comparison.lift, comparison.lift_interval.lower, comparison.p_value))

    assert found[0] == pytest.approx(found[1])
    # Twice as many views a unit.
    assert found[0][0] == pytest.approx(1.0)


async def test_a_worth_that_cannot_be_worked_out_yet_is_no_zero(tmp_path: Path) -> None:
    found = await report(tmp_path, campaign(CALIBRATED), bookings(booked=False))

    assert not any(arm.HasField("estimate") for arm in found.arms)
    assert not found.comparisons
    assert found.error.startswith("The worth of view_360 cannot be worked out yet")


async def test_without_an_entry_the_values_that_were_sent_count(tmp_path: Path) -> None:
    events = [
        event
        for variant, value in (("control", 2.5), ("free", 5.0))
        for number in range(20)
        for event in (
            shop.exposure(f"{variant}-{number}", variant, at=START),
            shop.action(f"{variant}-{number}", "view_360", value + number % 2, at=START + MINUTE),
        )
    ]

    found = await report(tmp_path, campaign(), iter(events))

    assert [arm.estimate for arm in found.arms] == [pytest.approx(3.0), pytest.approx(5.5)]
    assert not found.HasField("worth")

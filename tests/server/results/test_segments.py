"""Segments: bands, new and returning, very many values, and several metrics at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.event_service_pb2 import Event
from statsmodels.stats.multitest import multipletests

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import START, results, send, start

HOUR = timedelta(hours=1)
MONEY = "revenue_per_visitor"


def entries(number: int, **attributes: object) -> Iterator[Event]:
    """One unit of each variant, an hour after the last one; every third buys."""
    for variant in ("control", "free"):
        unit, at = f"{variant}-{number}", START + number % 240 * HOUR
        event = shop.exposure(unit, variant, at=at)
        for name, value in attributes.items():
            sent = event.exposure.attributes[name]
            if isinstance(value, str):
                sent.string_value = value
            else:
                sent.number_value = float(value)  # type: ignore[arg-type]  # a number
        yield event
        if number % 3 == 0:
            yield shop.order(unit, f"o-{unit}", shop.line(20 + number % 7), at=at + HOUR)


async def report(folder: Path, events: Iterator[Event], **plan: object) -> pb.Report:
    async with running(folder) as caller:
        await start(caller, shop.campaign(metric="conversion_rate", **plan))  # type: ignore[arg-type]  # fields of a plan
        await send(caller, events)
        return await results(caller)


def units(found: pb.Report, metric: str = "conversion_rate") -> dict[str, int]:
    (cut,) = (each for each in found.segments if each.metric == metric)
    return {segment.value: segment.units for segment in cut.segments}


async def test_a_numeric_segment_is_shown_in_bands(tmp_path: Path) -> None:
    carts: list[object] = [10, 29.99, 30, 49.5, 50, 120, "unknown"]
    events = (
        event for number in range(70) for event in entries(number, cart_value=carts[number % 7])
    )

    found = await report(
        tmp_path,
        events,
        segments=["cart_value"],
        bands=[plan_pb2.SegmentBands(attribute="cart_value", bounds=[30, 50])],
    )

    # Ten units of each variant have each cart.
    assert units(found) == {"< 30": 40, "30–50": 40, "≥ 50": 40, "(not a number)": 20}


async def test_who_ordered_before_the_first_exposure_is_returning(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(metric="conversion_rate", segments=["new_or_returning"]))
        events = [event for number in range(30) for event in entries(number)]
        for number in range(10):
            before = START + number * HOUR - HOUR / 2
            events.append(shop.order(f"control-{number}", f"before-{number}", at=before))
        # The storefront knows better: orders of another shop.
        told = shop.exposure("told", "free", at=START)
        told.exposure.attributes["new_or_returning"].string_value = "returning"
        # A test order is none, and neither is one that was cancelled.
        tried = shop.order("free-1", "tried", at=START - HOUR, test=True)
        gone = shop.order("free-2", "gone", at=START - HOUR)
        events += [told, tried, gone, shop.cancellation("gone", at=START)]
        await send(caller, iter(events))
        found = await results(caller)

    assert units(found) == {"new": 50, "returning": 11}


async def test_of_very_many_values_the_twenty_largest_are_told_apart(tmp_path: Path) -> None:
    # One value for each of 2,500 pairs of units, and 25 values that several pairs have.
    events = (
        event
        for number in range(2_500)
        for event in entries(
            number,
            page=f"common-{number % 100 % 25}" if number % 100 < 50 else f"rare-{number}",
            country="ES" if number % 2 else "RO",
        )
    )

    found = await report(tmp_path, events, segments=["page", "country"], planned_units=90_000)

    by_attribute = {
        cut.attribute: {s.value: s.units for s in cut.segments} for cut in found.segments
    }
    pages = by_attribute["page"]
    assert len(pages) == 21
    # All of equal size: those that sort first.
    common = sorted(f"common-{number}" for number in range(25))[:20]
    assert pages == {**dict.fromkeys(common, 100), "(others)": 2 * 2_500 - 2_000}
    assert by_attribute["country"] == {"ES": 2_500, "RO": 2_500}


async def test_every_primary_and_secondary_metric_is_cut(tmp_path: Path) -> None:
    countries = ["ES", "RO", "PT"]
    events = (
        event
        for number in range(90)
        for event in entries(number, country=countries[number // 3 % 3])
    )

    found = await report(
        tmp_path,
        events,
        segments=["country"],
        secondary=[
            plan_pb2.PlannedMetric(metric="revenue_per_visitor"),
            plan_pb2.PlannedMetric(metric="average_ticket", window_days=1),
        ],
        guardrails=[plan_pb2.PlannedMetric(metric="refund_rate", margin=0.1)],
    )

    assert [cut.metric for cut in found.segments] == [
        "conversion_rate",
        "revenue_per_visitor",
        "average_ticket",
    ]
    segments = [s for cut in found.segments for s in cut.segments if s.HasField("p_value")]
    assert len(segments) > 3
    # Corrected over all of them, by another library.
    p_values = [segment.p_value for segment in segments]
    wanted = multipletests(p_values, method="fdr_bh")[1]
    assert [segment.adjusted_p_value for segment in segments] == pytest.approx(list(wanted))


async def test_a_large_segment_without_another_to_compare_is_not_called_small(
    tmp_path: Path,
) -> None:
    """Twenty codes of one visitor each, and all others as one."""
    events = (event for number in range(240) for event in entries(number, code=f"c{number:03}"))

    found = await report(
        tmp_path, events, segments=["code"], secondary=[plan_pb2.PlannedMetric(metric=MONEY)]
    )

    (cut,) = (each for each in found.segments if each.metric == MONEY)
    sentences = {segment.value: segment.sentence for segment in cut.segments}
    assert len(sentences) == 21
    assert sentences["c000"] == "c000, left out: too few visitors to compare."
    assert sentences["(others)"] == (
        "(others), left out: no other segment has enough to be compared with it."
    )

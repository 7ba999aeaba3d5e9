"""One story in every report: the verdict's figure is explained, and units have their own name."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift.v1.campaign_service_pb2 import StopCampaignRequest
from google.protobuf.json_format import MessageToDict

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, START, crowd, results, send, start


async def test_a_win_of_an_earlier_look_names_that_look_and_both_figures(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="conversion_rate", planned_units=1_000)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, crowd("control", 300, [20.0] * 30))
        await send(caller, crowd("free", 300, [20.0] * 90))
        crossed = await results(caller)
        # Those who come when the week is whole convert alike: what all data show is less.
        end = START + timedelta(days=14)
        for arm in ("control", "free"):
            units = [f"late-{arm}-{number}" for number in range(100)]
            await send(caller, (shop.exposure(unit, arm, at=end) for unit in units))
            await send(caller, (shop.order(unit, f"o-{unit}", at=end) for unit in units[:50]))
        later = (await results(caller)).verdict

    assert crossed.verdict.cause == pb.VERDICT_CAUSE_NOT_YET_JUDGED
    assert later.kind == pb.VERDICT_KIND_SHIP
    assert (later.variant, later.metric) == ("free", "conversion_rate")
    assert later.deciding_look.number == 1
    assert later.deciding_look.look_time == crossed.look.look_time
    # At a first look nothing is corrected yet: 90 against 30, then 140 against 80.
    assert later.lift == pytest.approx(90 / 30 - 1)
    assert later.raw_lift == pytest.approx(140 / 80 - 1)
    assert (later.cause, later.reasons[0].code) == (pb.VERDICT_CAUSE_WON, "corrected_then")
    assert later.reasons[0].sentence.startswith("+200.0% comes from analysis 1 (")
    assert later.reasons[0].sentence.endswith("All data up to the latest analysis show +75.0%.")


async def test_while_nothing_is_decided_no_look_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(metric="conversion_rate", planned_units=1_000))
        await send(caller, crowd("control", 300, [20.0] * 30))
        await send(caller, crowd("free", 300, [20.0] * 45))

        report = await results(caller)

    assert report.verdict.kind == pb.VERDICT_KIND_KEEP_GOING
    assert report.HasField("look")
    assert not report.verdict.HasField("deciding_look")


@pytest.mark.parametrize("arrived", [0, 300])
async def test_a_campaign_that_was_stopped_is_not_told_to_go_on(
    tmp_path: Path, arrived: int
) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(metric="conversion_rate", planned_units=1_000))
        if arrived:
            await send(caller, crowd("control", arrived, [20.0] * 30))
            await send(caller, crowd("free", arrived, [20.0] * 45))
        going = (await results(caller)).verdict
        await caller.campaigns.StopCampaign(StopCampaignRequest(name=NAME))

        stopped = (await results(caller)).verdict

    assert going.kind == stopped.kind == pb.VERDICT_KIND_KEEP_GOING
    assert going.cause in (pb.VERDICT_CAUSE_RUNNING, pb.VERDICT_CAUSE_NO_UNITS)
    assert stopped.cause == pb.VERDICT_CAUSE_STOPPED
    assert {reason.code for reason in stopped.reasons}.isdisjoint({"chances", "end"})
    assert all(reason.sentence for reason in stopped.reasons)
    assert stopped.sentence.startswith("Not decided: the campaign was stopped on ")
    assert stopped.action.startswith("Keep control.")
    assert not stopped.decision_days


async def test_a_guardrail_that_was_harmed_is_the_metric_that_is_told(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="average_ticket", planned_units=1_000)
    campaign.plan.guardrails.add(metric="conversion_rate", margin=0.05)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, crowd("control", 400, [20.0, 30.0] * 100))
        await send(caller, crowd("free", 400, [20.0, 30.0] * 50))

        verdict = (await results(caller)).verdict

    assert (verdict.kind, verdict.metric) == (pb.VERDICT_KIND_STOP_HARM, "conversion_rate")
    assert verdict.lift == verdict.raw_lift == pytest.approx(100 / 200 - 1)
    assert verdict.sentence.startswith("free harms a guardrail: conversion rate -50.0%")


@pytest.mark.parametrize("language", ["en", "es", "ro"])
async def test_a_campaign_of_customers_never_speaks_of_visitors(
    tmp_path: Path, language: str
) -> None:
    campaign = shop.campaign(planned_units=600, segments=["country"])
    campaign.unit = value_pb2.UNIT_KIND_CUSTOMER
    campaign.plan.guardrails.add(metric="profit_per_visitor", margin=0.05)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, crowd("control", 400, [20.0, 30.0] * 40))
        await send(caller, crowd("free", 330, [20.0, 30.0] * 40))

        report = await results(caller, language)

    assert report.unit == value_pb2.UNIT_KIND_CUSTOMER
    # Ids are ids, in any language.
    words = re.sub(r"\w+_per_visitor", "", str(MessageToDict(report)))
    assert re.search("customer|cliente|clienți", words)
    assert not re.search("visitor|visitante|vizitator", words, re.IGNORECASE)

"""One story in every report: the verdict's figure is explained, and units have their own name."""

import re
from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1 import value_pb2
from fairlift.v1.campaign_service_pb2 import StopCampaignRequest
from google.protobuf.json_format import MessageToDict

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, arrivals, crowd, results, send, start


async def test_a_win_of_an_earlier_look_names_that_look_and_both_figures(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="conversion_rate", planned_units=1_000)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, crowd("control", 300, [20.0] * 30))
        await send(caller, crowd("free", 300, [20.0] * 90))
        verdict = (await results(caller)).verdict

    assert verdict.kind == pb.VERDICT_KIND_SHIP
    assert (verdict.variant, verdict.metric) == ("free", "conversion_rate")
    # On day 10 the first week of entry is mature: 150 units of each variant, 30 and 90 buyers.
    assert (verdict.deciding_look.number, verdict.deciding_look.units) == (10, 300)
    # At a first look nothing is corrected yet.
    assert verdict.lift == pytest.approx(90 / 30 - 1)
    assert verdict.raw_lift == pytest.approx(90 / 30 - 1)
    assert verdict.cause == pb.VERDICT_CAUSE_WON


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
    assert going.cause in (pb.VERDICT_CAUSE_NOT_YET_JUDGED, pb.VERDICT_CAUSE_NO_UNITS)
    assert stopped.cause == pb.VERDICT_CAUSE_STOPPED
    assert {reason.code for reason in stopped.reasons}.isdisjoint({"chances", "end"})
    assert all(reason.sentence for reason in stopped.reasons)
    assert stopped.sentence.startswith("Not decided: the campaign was stopped on ")
    assert stopped.action.startswith("Keep control.")
    assert not stopped.decision_days


async def test_a_guardrail_that_was_harmed_is_the_metric_that_is_told(tmp_path: Path) -> None:
    campaign = shop.campaign(metric="conversion_rate", planned_units=1_000)
    campaign.plan.guardrails.add(metric="revenue_per_visitor", margin=0.05)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, arrivals("control", range(14), buyers=20))
        await send(caller, arrivals("free", range(14), buyers=20, price=10.0))

        verdict = (await results(caller)).verdict

    assert (verdict.kind, verdict.metric) == (pb.VERDICT_KIND_STOP_HARM, "revenue_per_visitor")
    assert verdict.lift == verdict.raw_lift == pytest.approx(10.0 / 20.0 - 1)
    assert verdict.sentence.startswith("free harms a guardrail: revenue per visitor -50.0%")


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

"""Campaigns that were stopped or paused, through gRPC: who counts, and which days are named."""

from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_service_pb2 import (
    PauseCampaignRequest,
    ResumeCampaignRequest,
    StopCampaignRequest,
)

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import NAME, START, metric, send, start
from tests.server.live_days import DAY, HOUR, day_of, live_until, planned, read


@pytest.mark.parametrize("is_resumed", [False, True], ids=["paused", "resumed an hour before"])
async def test_a_stop_after_a_pause_counts_all_who_entered(
    tmp_path: Path, is_resumed: bool
) -> None:
    stop = START + 9 * DAY + 12 * HOUR
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 6):
            await live_until(caller, day, day_of(day, buyers=(10, 11)))
        caller.clock.set(START + 5 * DAY + 12 * HOUR)
        await caller.campaigns.PauseCampaign(PauseCampaignRequest(name=NAME))
        if is_resumed:
            caller.clock.set(stop - HOUR)
            await caller.campaigns.ResumeCampaign(ResumeCampaignRequest(name=NAME))
        caller.clock.set(stop)
        await caller.campaigns.StopCampaign(StopCampaignRequest(name=NAME))
        caller.clock.set(START + 20 * DAY)
        ended = await read(caller)

    assert (ended.verdict.kind, ended.verdict.cause) == (
        pb.VERDICT_KIND_INCONCLUSIVE, pb.VERDICT_CAUSE_STOPPED,
    )  # fmt: skip
    assert ended.look.units == 1_000


async def test_a_stopped_campaign_names_the_day_on_which_it_was_stopped(tmp_path: Path) -> None:
    stop = START + DAY + 12 * HOUR
    async with running(tmp_path) as caller:
        await start(caller, planned())
        await live_until(caller, 1, day_of(1))
        caller.clock.set(stop)
        await caller.campaigns.StopCampaign(StopCampaignRequest(name=NAME))
        caller.clock.set(START + 10 * DAY)
        ended = await read(caller)

    # Who entered on day 1 is mature by the end of day 4.
    assert (ended.verdict.cause, ended.look.day) == (pb.VERDICT_CAUSE_STOPPED, 4)
    assert f"was stopped on {stop:%B} {stop.day}, " in ended.verdict.sentence


async def test_a_paused_campaign_names_no_day_to_come(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 10):
            await live_until(caller, day, day_of(day, each=40))
        going = await read(caller)
        await live_until(caller, 10, day_of(10, each=40))
        caller.clock.set(START + 10 * DAY + HOUR)
        await caller.campaigns.PauseCampaign(PauseCampaignRequest(name=NAME))
        # An order of day 10 comes in hours later, so day 10 has not settled yet.
        caller.clock.set(START + 10 * DAY + 5 * HOUR)
        late = shop.order("free-9-30", "late", shop.line(20.0), at=START + 10 * DAY - HOUR)
        await send(caller, iter([late]))
        paused = await read(caller)

    assert going.verdict.cause == paused.verdict.cause == pb.VERDICT_CAUSE_NOT_YET_JUDGED
    assert going.verdict.HasField("next_decision_time")
    assert not paused.verdict.HasField("next_decision_time")
    assert not paused.HasField("next_look_time")
    assert paused.verdict.sentence == "No decision yet: the campaign is paused."
    assert not paused.verdict.decision_days


async def test_a_campaign_that_is_paused_before_its_first_look_is_called_paused(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        await send(caller, iter([shop.exposure("a", "free", at=START + HOUR)]))
        await caller.campaigns.PauseCampaign(PauseCampaignRequest(name=NAME))
        verdict = (await read(caller)).verdict

    assert verdict.sentence == "No decision yet: the campaign is paused."


async def test_a_metric_whose_windows_are_all_open_does_not_say_that_nobody_came(
    tmp_path: Path,
) -> None:
    campaign = planned()
    for name in ("retention_d7_14", "clv_90"):
        campaign.plan.secondary.add(metric=name)
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        for day in range(1, 11):
            await live_until(caller, day, day_of(day, each=40))
        report = await read(caller)

    for name in ("retention_d7_14", "clv_90"):
        (comparison,) = metric(report, name).comparisons
        assert comparison.cannot_say == (
            "no visitor's window is over yet in at least one of the variants."
        )
        assert comparison.cannot_say_reason == pb.CANNOT_SAY_REASON_NO_MATURE_UNITS

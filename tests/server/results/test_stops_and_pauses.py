"""Campaigns that were stopped or paused, through gRPC: who counts, and which days are named."""

from pathlib import Path

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_service_pb2 import (
    PauseCampaignRequest,
    ResumeCampaignRequest,
    StopCampaignRequest,
    UpdateCampaignRequest,
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


async def test_an_epoch_that_was_paused_when_the_next_began_has_an_end(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        campaign = await start(caller, planned())
        await live_until(caller, 1, day_of(1))
        caller.clock.set(START + DAY + 12 * HOUR)
        await caller.campaigns.PauseCampaign(PauseCampaignRequest(name=NAME))
        caller.clock.set(START + 2 * DAY)
        campaign.variants[1].weight = 3
        campaign.ClearField("etag")
        await caller.campaigns.UpdateCampaign(
            UpdateCampaignRequest(campaign=campaign, new_epoch=True)
        )
        caller.clock.set(START + 20 * DAY)
        request = pb.GetResultsRequest(name=NAME, epoch=1)
        ended = await caller.results.GetResults(request, timeout=120)

    assert (ended.verdict.kind, ended.look.units) == (pb.VERDICT_KIND_INCONCLUSIVE, 200)


async def test_a_campaign_stopped_before_its_minimum_is_not_told_to_run(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in (1, 2):
            await live_until(caller, day, day_of(day))
        await caller.campaigns.StopCampaign(StopCampaignRequest(name=NAME))
        stopped = (await read(caller)).verdict

    assert stopped.cause == pb.VERDICT_CAUSE_STOPPED
    assert stopped.kind == pb.VERDICT_KIND_KEEP_GOING
    assert stopped.sentence.startswith("Not decided: the campaign was stopped on ")
    assert stopped.action.startswith("Keep control.")


async def test_a_paused_campaign_with_too_little_data_is_told_to_resume(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in (1, 2):
            await live_until(caller, day, day_of(day))
        await caller.campaigns.PauseCampaign(PauseCampaignRequest(name=NAME))
        paused = (await read(caller)).verdict

    assert paused.cause == pb.VERDICT_CAUSE_DAYS
    assert paused.sentence.startswith("Do not decide yet: the campaign has run for 2 days")
    assert paused.action == "Resume the campaign to collect more evidence, or stop it."


async def test_whoever_came_after_the_end_is_not_said_to_count_later(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned(planned_units=1_000, maximum_days=7))
        for day in range(1, 11):
            await live_until(caller, day, day_of(day, buyers=(10, 11)))
        ended = await read(caller)

    assert ended.look.closing != pb.CLOSING_UNSPECIFIED
    # Seven days of entry are analysed; three more came while they matured.
    assert ended.notes[0] == (
        "The analysis ended at 1,400 visitors; 600 who came later are counted above but not "
        "analysed."
    )
    assert not any("not counted yet" in note for note in ended.notes)

"""A list of reports: every campaign as of its last look, without a new computation."""

from pathlib import Path

import grpc
import pytest
from fairlift.v1 import campaign_pb2
from fairlift.v1 import campaign_service_pb2 as service
from fairlift.v1 import results_service_pb2 as pb

from tests.databases import changed, database_in
from tests.server import shop
from tests.server.client import Caller, Clock, details, running
from tests.server.crowds import NAME, START, start
from tests.server.live_days import DAY, HOUR, day_of, list_looks, live_until, planned, read


async def listed(caller: Caller, **asked: object) -> list[pb.ReportSummary]:
    request = pb.ListReportsRequest(**asked)  # type: ignore[arg-type]  # its own fields
    return list((await caller.results.ListReports(request)).reports)


async def test_a_list_says_what_the_last_look_said_and_makes_no_look(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        campaign = planned()
        campaign.display_name = "Free shipping"
        campaign.labels["team"] = "checkout"
        await start(caller, campaign)
        caller.clock.set(START + HOUR)
        (before,) = await listed(caller)
        for day in range(1, 11):
            await live_until(caller, day, day_of(day))
        (unread,) = await listed(caller)
        looks_unread = await list_looks(caller)
        report = await read(caller)
        (after,) = await listed(caller)
        (spanish,) = await listed(caller, language="es")
        # More comes in: a list stays as of the last look.
        await live_until(caller, 11, day_of(11))
        (later,) = await listed(caller)

    assert before.verdict.cause == pb.VERDICT_CAUSE_NOT_YET_JUDGED
    assert (before.day, before.units, before.health) == (0, 0, pb.HEALTH_STATUS_UNSPECIFIED)
    assert (
        "Nothing to judge yet: the first decision is made with the data of"
        in before.verdict.sentence
    )
    assert unread == before
    assert not looks_unread
    short = pb.Verdict()
    short.CopyFrom(report.verdict)
    for field in ("reasons", "since", "decision_days", "deciding_look"):
        short.ClearField(field)
    assert after.verdict == short
    assert short.kind == pb.VERDICT_KIND_SHIP
    assert (after.campaign, after.display_name, after.epoch) == (NAME, "Free shipping", 1)
    assert after.state == campaign_pb2.CAMPAIGN_STATE_RUNNING
    assert (after.day, after.maximum_days) == (10, 28)
    assert (after.units, after.planned_units) == (2_000, 5_600)
    assert after.health == pb.HEALTH_STATUS_OK
    assert after.unit == report.unit
    assert after.labels == {"team": "checkout"}
    assert after.HasField("start_time")
    assert not after.HasField("stop_time")
    assert "es mejor" in spanish.verdict.sentence
    assert later == after


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("UPDATE looks SET content = replace(content, '40', '41') WHERE number = 2", "analysis 2"),
        ("UPDATE looks SET content = 'no JSON' WHERE number = 3", "analysis 3"),
        ("DELETE FROM looks WHERE number = 1", "analysis 1"),
        ("DELETE FROM looks WHERE number = 3", "the verdict in this list"),
        ("DELETE FROM looks", "the verdict in this list"),
        ("DELETE FROM report_lines", "the verdict in this list"),
        ("UPDATE report_lines SET content = replace(content, 'days', 'won')", "this list"),
        ("UPDATE report_lines SET content = 'no JSON'", "this list"),
        ("UPDATE epochs SET message = ?", "the plan is not the one that was sealed"),
    ],
)
async def test_what_was_edited_in_the_store_is_said_in_its_own_line(
    tmp_path: Path, edit: str, says: str
) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as caller:
        started = await start(caller, planned())
        await caller.start(shop.campaign("other"))
        for day in range(1, 4):
            await live_until(caller, day, day_of(day, each=20, buyers=(4, 7)))
        await read(caller)
        before = {report.campaign: report for report in await listed(caller)}
    started.plan.alpha = 0.2
    parameters = [started.SerializeToString()] if "?" in edit else []
    glue = " AND " if "WHERE" in edit else " WHERE "
    assert changed(database_in(tmp_path), f"{edit}{glue}campaign = 'free-shipping'", parameters)

    async with running(tmp_path, clock=clock) as caller:
        after = {report.campaign: report for report in await listed(caller)}
        (spanish,) = (r for r in await listed(caller, language="es") if r.campaign == NAME)

    verdict = after[NAME].verdict
    assert (verdict.kind, verdict.cause) == (pb.VERDICT_KIND_DO_NOT_TRUST, pb.VERDICT_CAUSE_EDITED)
    assert says in verdict.sentence
    assert not verdict.variant
    assert after[NAME].health == pb.HEALTH_STATUS_BROKEN
    assert spanish.verdict.sentence.startswith("No decidas")
    # The others are as they were.
    assert before[NAME].verdict.cause != pb.VERDICT_CAUSE_EDITED
    assert after["campaigns/other"] == before["campaigns/other"]


async def test_an_edit_while_the_server_runs_is_seen_at_the_next_list(tmp_path: Path) -> None:
    """Looks that were checked are not read again, until another program writes."""
    async with running(tmp_path) as caller:
        await start(caller, planned())
        causes = []
        for day in range(1, 4):
            await live_until(caller, day, day_of(day, each=20, buyers=(4, 7)))
            await read(caller)
            (report,) = await listed(caller)
            causes.append(report.verdict.cause)
        edit = "UPDATE looks SET content = replace(content, '40', '41') WHERE number = 2"
        changed(database_in(tmp_path), edit)
        (edited,) = await listed(caller)

    assert pb.VERDICT_CAUSE_EDITED not in causes
    assert edited.verdict.cause == pb.VERDICT_CAUSE_EDITED
    assert "analysis 2" in edited.verdict.sentence


async def test_a_list_has_pages_and_filters(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        names = [f"c{n}" for n in range(5)]
        for name in names:
            await caller.start(shop.campaign(name))
        draft = service.CreateCampaignRequest(campaign=shop.campaign("draft"))
        await caller.campaigns.CreateCampaign(draft)
        await caller.campaigns.StopCampaign(service.StopCampaignRequest(name="campaigns/c3"))
        request = pb.ListReportsRequest(page_size=2)
        pages: list[list[str]] = []
        while True:
            page = await caller.results.ListReports(request)
            pages.append([report.campaign.removeprefix("campaigns/") for report in page.reports])
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        states = [campaign_pb2.CAMPAIGN_STATE_STOPPED]
        (stopped,) = await listed(caller, states=states)
        (only_draft,) = await listed(caller, states=[campaign_pb2.CAMPAIGN_STATE_DRAFT])
        with pytest.raises(grpc.aio.AioRpcError) as of_other_filters:
            await listed(caller, states=states, page_token=request.page_token)
        with pytest.raises(grpc.aio.AioRpcError) as too_small:
            await listed(caller, page_size=-1)
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await listed(caller, language="xx")

    assert pages == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert (stopped.campaign, stopped.verdict.cause) == ("campaigns/c3", pb.VERDICT_CAUSE_STOPPED)
    assert stopped.HasField("stop_time")
    assert not only_draft.HasField("verdict")
    for caught, field in (
        (of_other_filters, "page_token"),
        (too_small, "page_size"),
        (unknown, "language"),
    ):
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert details(caught.value)[1].field_violations[0].field == field


async def test_a_paused_campaign_is_called_paused_in_a_list(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 3):
            await live_until(caller, day, day_of(day, each=20, buyers=(2, 2)))
        await read(caller)
        caller.clock.set(START + 2 * DAY + 4 * HOUR)
        await caller.campaigns.PauseCampaign(service.PauseCampaignRequest(name=NAME))
        (paused,) = await listed(caller)
        report = await read(caller)

    assert paused.state == campaign_pb2.CAMPAIGN_STATE_PAUSED
    assert paused.verdict.sentence == report.verdict.sentence
    assert not paused.verdict.HasField("next_decision_time")

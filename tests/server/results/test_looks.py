"""Looks, through gRPC: as of the end of days, whoever reads when, and never taken back."""

import asyncio
import random
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from fairlift.v1 import campaign_service_pb2, plan_pb2
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_service_pb2 import StopCampaignRequest
from scipy import stats

from tests.databases import changed, database_in
from tests.server import shop
from tests.server.client import Clock, running
from tests.server.crowds import NAME, START, crowd, results, send, start
from tests.server.live_days import DAY, HOUR, day_of, list_looks, live_until, planned, read


async def test_a_decision_is_never_taken_back(tmp_path: Path) -> None:
    verdicts: dict[int, pb.Verdict] = {}
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 15):
            await live_until(caller, day, day_of(day))
            if day in (6, 7, 9, 10, 11, 14):
                verdicts[day] = (await read(caller)).verdict
        await caller.campaigns.StopCampaign(StopCampaignRequest(name=NAME))
        stopped = (await read(caller)).verdict
        # One more order of an exposed visitor, a day later.
        caller.clock.ahead += DAY
        late = shop.order("control-3-50", "late", shop.line(20.0), at=START + 14.5 * DAY)
        await send(caller, iter([late]))
        caller.clock.ahead += 10 * DAY
        ended = (await read(caller)).verdict

    # Success is judged when a whole week of entry is mature: on day 7 + 3.
    assert verdicts[9].kind == pb.VERDICT_KIND_KEEP_GOING
    assert "the next decision is made with the data of" in verdicts[9].sentence
    for verdict in (verdicts[10], verdicts[11], verdicts[14], stopped, ended):
        assert (verdict.kind, verdict.variant) == (pb.VERDICT_KIND_SHIP, "free")
        assert verdict.sentence == verdicts[10].sentence
        assert (verdict.lift, verdict.lift_interval) == (
            verdicts[10].lift,
            verdicts[10].lift_interval,
        )


@pytest.mark.parametrize(("buyers", "kind"), [(25, "SHIP"), (11, "KEEP_GOING")])
async def test_the_always_valid_interval_of_a_row_is_of_the_row_s_own_look(
    tmp_path: Path, buyers: int, kind: str
) -> None:
    rows: dict[int, pb.MetricResult.Comparison] = {}
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 15):
            bought = (10, buyers if day <= 7 else buyers // 2)
            await live_until(caller, day, day_of(day, buyers=bought))
            if day in (10, 11, 14):
                report = await read(caller)
                rows[day] = report.metrics[0].comparisons[0]
                assert report.verdict.kind == pb.VerdictKind.Value(f"VERDICT_KIND_{kind}")

    # Success is judged on day 10; the rows of days 11 and 14 have visitors that it has not.
    assert rows[10].lift == pytest.approx(buyers / 10 - 1)
    assert rows[14].lift < rows[11].lift < rows[10].lift
    interval = rows[10].sequential_lift_interval
    assert interval.lower < rows[10].lift < interval.upper
    assert not rows[11].HasField("sequential_lift_interval")
    assert not rows[14].HasField("sequential_lift_interval")


async def test_looks_do_not_depend_on_who_reads_when(tmp_path: Path) -> None:
    rng = random.Random(11)
    days = {day: list(day_of(day, each=20, buyers=(4, 7))) for day in range(1, 13)}
    readers = {"daily": set(days), "once": {12}, "at random": {2, 5, 9, 12}}
    seen: dict[str, tuple[list[pb.Look], pb.Verdict]] = {}
    for name, reading_days in readers.items():
        (tmp_path / name).mkdir()
        async with running(tmp_path / name) as caller:
            await start(caller, planned(planned_units=500))
            for day, events in days.items():
                # Every event comes in within the time to settle, in any order.
                shuffled = rng.sample(events, len(events))
                await live_until(caller, day, iter(shuffled))
                if day in reading_days:
                    if name == "at random":
                        caller.clock.ahead += timedelta(hours=rng.randrange(20))
                    report = await read(caller)
            report.verdict.deciding_look.ClearField("look_time")  # when it was made
            seen[name] = (await list_looks(caller), report.verdict)

    looks, verdict = seen["daily"]
    assert [look.units for look in looks] == [0, 0, 0, *(40 * day for day in range(1, 10))]
    for other_looks, other_verdict in seen.values():
        for look, other in zip(looks, other_looks, strict=True):
            look.ClearField("look_time")
            other.ClearField("look_time")
            assert other == look
        assert other_verdict == verdict


def judged(report: pb.Report) -> pb.Report:
    """The verdict, the look and the metrics, without what is provisional."""
    shown = pb.Report(verdict=report.verdict, metrics=report.metrics, look=report.look)
    for metric in shown.metrics:
        for arm in metric.arms:
            arm.ClearField("immature_units")
            arm.ClearField("provisional_estimate")
    return shown


async def test_late_events_are_counted_and_change_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 11):
            await live_until(caller, day, day_of(day))
        before = await read(caller)
        at = START + 3 * DAY
        late = [shop.order(f"free-2-{n}", f"late-{n}", at=at) for n in range(60, 74)]
        refunds = [shop.refund(f"o-free-2-{n}", 5, at=at) for n in range(2)]
        # An import of what customers bought before they saw anything: late for no look.
        old = [shop.order(f"free-2-{n}", f"old-{n}", at=START - DAY) for n in range(50)]
        await send(caller, iter([*late, *refunds, *old, shop.exposure("new", "free", at=at)]))
        after = await read(caller)
        looks = await list_looks(caller)

    # Only what is provisional, and judged by nobody, has them.
    free = before.metrics[0].arms[1], after.metrics[0].arms[1]
    assert free[1].provisional_estimate > free[0].provisional_estimate
    assert judged(after) == judged(before)
    late_counts = after.late
    assert (late_counts.orders, late_counts.exposures, late_counts.amendments) == (14, 1, 2)
    assert not late_counts.actions
    assert before.totals[1].orders + 14 == after.totals[1].orders
    assert len(looks) == 10
    date = (START + 9 * DAY).date()
    late_notes = [note for note in after.notes if note.startswith("Late: ")]
    assert not [note for note in before.notes if note.startswith("Late: ")]
    assert late_notes[0].startswith("Late: 14 orders since the look of ")
    assert str(date.day) in late_notes[0]
    assert late_notes[1].startswith("Late: 1 exposure since the look of ")
    assert late_notes[2].startswith("Late: 2 refunds or cancellations since the look of ")


async def test_a_timer_makes_looks_that_nobody_reads(tmp_path: Path) -> None:
    async with running(tmp_path, look_every_s=0.2) as caller:
        await start(caller, planned())
        await live_until(caller, 1, day_of(1, each=20))
        async with asyncio.timeout(120):
            while not (looks := await list_looks(caller)):
                await asyncio.sleep(0.2)

    assert [look.number for look in looks] == [1]


async def test_the_first_reader_after_a_look_is_answered_from_memory(tmp_path: Path) -> None:
    folder = tmp_path / "analysis"

    def written() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.json")}

    async with running(tmp_path, look_every_s=0.2, analysis_folder=str(folder)) as caller:
        await start(caller, planned())
        await live_until(caller, 1, day_of(1, each=20))
        async with asyncio.timeout(120):
            while not await list_looks(caller):
                await asyncio.sleep(0.2)
            before: dict[str, int] = {}
            while before != (before := written()):
                await asyncio.sleep(4)
        report = await read(caller)

        assert report.totals
        assert before
        # What is read from the ledger is written down anew.
        assert written() == before


async def test_a_treatment_whose_checkout_is_dead_is_stopped_within_days(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned(planned_units=28_000))
        for day in range(1, 4):
            await live_until(caller, day, day_of(day, each=500, buyers=(15, 0)))
        report = await read(caller)

    assert (report.verdict.kind, report.verdict.variant) == (pb.VERDICT_KIND_STOP_HARM, "free")
    assert report.verdict.cause == pb.VERDICT_CAUSE_ALARM
    # Of day 1 nobody has had a whole day before the end of day 2.
    assert report.verdict.decided_time.ToDatetime(START.tzinfo) <= START + 3 * DAY


async def test_a_stop_closes_entry_and_what_has_entered_matures(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        for day in range(1, 6):
            await live_until(caller, day, day_of(day, buyers=(10, 11)))
        caller.clock.set(START + 5 * DAY + timedelta(hours=12))
        await caller.campaigns.StopCampaign(StopCampaignRequest(name=NAME))
        going = await read(caller)
        caller.clock.set(START + 12 * DAY)
        ended = await read(caller)
        caller.clock.set(START + 20 * DAY)
        again = await read(caller)

    assert going.verdict.kind in (pb.VERDICT_KIND_KEEP_GOING, pb.VERDICT_KIND_DO_NOT_TRUST)
    assert ended.verdict.kind == pb.VERDICT_KIND_INCONCLUSIVE
    assert ended.verdict.cause == pb.VERDICT_CAUSE_STOPPED
    # The last units entered on day 5: they are mature by the end of day 8.
    assert (ended.look.number, ended.look.units) == (8, 1_000)
    assert (again.look, again.verdict) == (ended.look, ended.verdict)
    assert not ended.HasField("next_look_time")


async def test_a_campaign_with_few_visitors_near_its_end_has_a_report(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned(planned_units=1_000_000), at=START - 5 * DAY)
        await send(caller, day_of(1, each=6, buyers=(1, 2)))
        open_report = await results(caller)
        caller.clock.set(START - 5 * DAY + 31 * DAY + 3 * HOUR)
        ended = await read(caller)

    assert open_report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST
    assert ended.verdict.kind == pb.VERDICT_KIND_INCONCLUSIVE
    assert ended.look.number == 31
    assert [total.units for total in ended.totals] == [6, 6]
    assert ended.metrics


async def test_the_first_look_is_announced_before_it_is_made(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        nobody = await read(caller)
        await send(caller, iter([shop.exposure("a", "free", at=START + HOUR)]))
        somebody = await read(caller)

    assert nobody.verdict.cause == pb.VERDICT_CAUSE_NO_UNITS
    own = [check.name for check in nobody.health.checks if not check.shop_wide]
    assert own == ["minimum_days", "exposures"]
    assert somebody.verdict.cause == pb.VERDICT_CAUSE_NOT_YET_JUDGED
    assert not somebody.HasField("look")
    due = somebody.next_look_time.ToDatetime(START.tzinfo)
    assert due == START + DAY + 2 * HOUR


async def test_looks_survive_a_restart_and_give_the_same_report(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as caller:
        await start(caller, planned(segments=["country"]))
        await send(caller, crowd("control", 200, [25.0, 35.0] * 20))
        await send(caller, crowd("free", 200, [25.0, 45.0] * 24))
        before = await results(caller)
    async with running(tmp_path, clock=clock) as caller:
        after = await read(caller)

    for report in (before, after):
        report.ClearField("create_time")
    assert after == before


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            "UPDATE looks SET content = replace(content, '\\\"units\\\":40', '\\\"units\\\":41') "
            "WHERE number = 5",
            "look 5",
        ),
        ("UPDATE looks SET content = '{}' WHERE number = 5", "look 5"),
        ("UPDATE looks SET content = 'no JSON' WHERE number = 5", "look 5"),
        ("UPDATE campaigns SET message = ?", "sealed at the start"),
    ],
)
async def test_what_was_edited_in_the_store_is_refused_by_name(
    tmp_path: Path, edit: str, message: str
) -> None:
    clock = Clock()
    async with running(tmp_path, clock=clock) as caller:
        started = await start(caller, planned())
        for day in range(1, 7):
            await live_until(caller, day, day_of(day, each=20, buyers=(4, 7)))
        await read(caller)
    started.plan.alpha = 0.2
    table = "epochs" if "campaigns" in edit else "looks"
    edit = edit.replace("campaigns", table)
    parameters = [started.SerializeToString()] if "?" in edit else []
    assert changed(database_in(tmp_path), edit, parameters) == 1

    async with running(tmp_path, clock=clock) as caller:
        with pytest.raises(grpc.aio.AioRpcError, match=message) as caught:
            await read(caller)

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_broken_split_forbids_a_verdict(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign(planned_units=4_000))
        await send(caller, crowd("control", 1_200, [20.0] * 120))
        await send(caller, crowd("free", 900, [20.0] * 160))

        health = await caller.results.GetHealth(pb.GetHealthRequest(name=NAME), timeout=120)
        spanish = await caller.results.GetHealth(
            pb.GetHealthRequest(name=NAME, language="es"), timeout=120
        )
        unseen = await list_looks(caller)
        report = await results(caller)

    ratio = next(check for check in health.checks if check.name == "sample_ratio")
    assert ratio.status == pb.HEALTH_STATUS_BROKEN
    assert ratio.value == pytest.approx(stats.chisquare([1_200, 900]).pvalue)
    # Evidence beyond 100 blocks; of an even split it stays below 1.
    assert ratio.evidence > 100
    assert "no coincide con el plan" in spanish.checks[0].sentence
    assert not unseen  # asking for health is no look
    assert report.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST
    assert report.verdict.cause == pb.VERDICT_CAUSE_SPLIT


@pytest.mark.parametrize(
    "stopping",
    [
        {"fixed_horizon": plan_pb2.FixedHorizon()},
        {"always_valid": plan_pb2.AlwaysValid()},
        {"yeast": plan_pb2.Yeast()},
        {"exact_conversion": plan_pb2.ExactConversion()},
        {"expected_loss": plan_pb2.ExpectedLoss(threshold=0.01, prior_sd=0.5)},
        {"group_sequential": plan_pb2.GroupSequential(
            success=plan_pb2.Spending(pocock=plan_pb2.LanDeMetsPocock()),
            harm=plan_pb2.Spending(power=plan_pb2.PowerSpending(rho=2)),
            futility=plan_pb2.Spending(obrien_fleming=plan_pb2.LanDeMetsOBrienFleming()))},
    ],
    ids=lambda stopping: next(iter(stopping)),
)  # fmt: skip
async def test_every_rule_of_stopping_gives_a_verdict(
    tmp_path: Path, stopping: dict[str, object]
) -> None:
    campaign = planned(planned_units=800, maximum_days=14)
    campaign.plan.stopping.CopyFrom(plan_pb2.Stopping(**stopping))  # type: ignore[arg-type]
    campaign.plan.secondary.add(metric="average_ticket")
    async with running(tmp_path) as caller:
        await start(caller, campaign)
        await send(caller, crowd("control", 400, [20.0, 30.0] * 20))
        # A fixed horizon asks for less than a rule that watches all the time.
        pairs = 35 if "fixed_horizon" in stopping else 60
        await send(caller, crowd("free", 400, [20.0, 30.0] * pairs))

        report = await results(caller)

    assert report.verdict.kind == pb.VERDICT_KIND_SHIP
    assert report.verdict.variant == "free"
    assert report.verdict.sentence
    roles = {each.metric: each.role for each in report.metrics}
    assert roles["conversion_rate"] == pb.METRIC_ROLE_PRIMARY
    assert roles["average_ticket"] == pb.METRIC_ROLE_SECONDARY
    assert roles["revenue_per_visitor"] == pb.METRIC_ROLE_DESCRIPTIVE


async def test_a_watcher_hears_of_new_looks(tmp_path: Path) -> None:
    async with running(tmp_path, keep_alive_s=0.2) as caller:
        await start(caller, planned())
        caller.clock.set(START + HOUR)
        watched = caller.results.WatchResults(pb.WatchResultsRequest(name=NAME))
        nobody = await asyncio.wait_for(watched.read(), 120)
        await live_until(caller, 1, day_of(1, each=20))
        heard = await asyncio.wait_for(watched.read(), 120)
        watched.cancel()

    assert isinstance(nobody, pb.Report)
    assert isinstance(heard, pb.Report)
    assert not nobody.HasField("look")
    assert heard.look.number == 1


async def test_a_watcher_hears_that_a_campaign_was_stopped(tmp_path: Path) -> None:
    async with running(tmp_path, keep_alive_s=0.2) as caller:
        await start(caller, planned())
        await live_until(caller, 1, day_of(1, each=20))
        watched = caller.results.WatchResults(pb.WatchResultsRequest(name=NAME))
        before = await asyncio.wait_for(watched.read(), 120)
        await caller.campaigns.StopCampaign(campaign_service_pb2.StopCampaignRequest(name=NAME))
        after = await asyncio.wait_for(watched.read(), 120)
        watched.cancel()

    assert isinstance(before, pb.Report)
    assert isinstance(after, pb.Report)
    assert after.look.number == before.look.number
    assert after.verdict.sentence != before.verdict.sentence

"""Results are told for the epoch and in the language that was asked for, or refused."""

from pathlib import Path

import grpc
import pytest
from fairlift.v1 import campaign_service_pb2
from fairlift.v1 import results_service_pb2 as pb

from tests.server import shop
from tests.server.client import Caller, details, running
from tests.server.crowds import crowd, metric, results, send, start


async def test_an_epoch_is_analysed_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        campaign = await start(caller, shop.campaign())
        await send(caller, crowd("control", 20, [10.0]))
        await send(caller, crowd("free", 10, []))
        campaign.variants[1].weight = 3
        await caller.campaigns.UpdateCampaign(
            campaign_service_pb2.UpdateCampaignRequest(campaign=campaign, new_epoch=True)
        )
        await caller.accepted([shop.exposure("new", "free", epoch=2, at=caller.clock())])

        first, second = await results(caller, epoch=1), await results(caller)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await results(caller, epoch=3)

    assert [total.units for total in first.totals] == [20, 10]
    assert [total.units for total in second.totals] == [0, 1]
    assert (first.epoch, second.epoch) == (1, 2)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_sentences_come_in_the_reader_s_language(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign())
        await send(caller, crowd("control", 20, [10.0]))
        await send(caller, crowd("free", 20, []))

        english, spanish, romanian = [await results(caller, code) for code in ("", "es-MX", "ro")]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await results(caller, "klingon")

    assert len({r.verdict.sentence for r in (english, spanish, romanian)}) == 3
    assert english.verdict.kind == spanish.verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST
    assert metric(spanish, "average_ticket").display_name == "ticket medio"
    assert details(caught.value)[1].field_violations[0].field == "language"


async def test_health_comes_in_the_reader_s_language_too(tmp_path: Path) -> None:
    async with running(tmp_path) as caller:
        await start(caller, shop.campaign())
        await send(caller, crowd("control", 20, [10.0]))
        await send(caller, crowd("free", 20, []))

        english, spanish, romanian = [await results(caller, code) for code in ("en", "es", "ro")]

    said = [
        [check.sentence for check in each.health.checks] for each in (english, spanish, romanian)
    ]
    assert said[0][1] == "No visitor saw more than one variant."
    assert said[1][1] == "Ningún visitante vio más de una variante."
    assert all(len(set(sentences)) == 3 for sentences in zip(*said, strict=True))


async def test_a_draft_has_no_results(caller: Caller) -> None:
    await caller.campaigns.CreateCampaign(
        campaign_service_pb2.CreateCampaignRequest(campaign=shop.campaign())
    )

    with pytest.raises(grpc.aio.AioRpcError) as draft:
        await results(caller)
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await caller.results.GetResults(pb.GetResultsRequest(name="campaigns/none"))

    assert draft.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "never started" in (draft.value.details() or "")
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND

"""Several campaigns at once: planned as a set, and changed together or not at all."""

import grpc
import pytest
from fairlift.v1 import campaign_pb2
from fairlift.v1 import campaign_service_pb2 as pb

from tests.server import shop
from tests.server.client import Caller, details


def building_on(base: str, name: str) -> campaign_pb2.Campaign:
    campaign = shop.campaign(name)
    campaign.prerequisites.add(campaign=f"campaigns/{base}", variants=["free"])
    return campaign


def batch(
    *campaigns: campaign_pb2.Campaign, validate_only: bool = False
) -> pb.BatchUpdateCampaignsRequest:
    return pb.BatchUpdateCampaignsRequest(
        requests=[
            pb.UpdateCampaignRequest(
                campaign=campaign, allow_missing=True, validate_only=validate_only
            )
            for campaign in campaigns
        ]
    )


async def names(caller: Caller) -> list[str]:
    listed = await caller.campaigns.ListCampaigns(pb.ListCampaignsRequest())
    return [campaign.name for campaign in listed.campaigns]


async def test_a_campaign_may_build_on_a_later_one_of_the_batch(caller: Caller) -> None:
    pair = [building_on("base", "a-built"), shop.campaign("base")]

    planned = await caller.campaigns.PlanChange(pb.PlanChangeRequest(campaigns=pair))
    before = await names(caller)
    changed = await caller.campaigns.BatchUpdateCampaigns(batch(*pair))

    assert [each.change_class for each in planned.campaigns] == [pb.CHANGE_CLASS_CREATE] * 2
    assert before == []
    assert [each.name for each in changed.campaigns] == ["campaigns/a-built", "campaigns/base"]
    assert await names(caller) == ["campaigns/a-built", "campaigns/base"]


async def test_one_that_is_wrong_stops_all_and_is_named(caller: Caller) -> None:
    wrong = building_on("nowhere", "wrong")

    for call, field in (
        (
            caller.campaigns.BatchUpdateCampaigns(batch(shop.campaign("fine"), wrong)),
            "requests[1].campaign.prerequisites[0].campaign",
        ),
        (
            caller.campaigns.PlanChange(
                pb.PlanChangeRequest(campaigns=[shop.campaign("fine"), wrong])
            ),
            "campaigns[1].prerequisites[0].campaign",
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert [each.field for each in details(caught.value)[1].field_violations] == [field]
    assert await names(caller) == []


async def test_a_campaign_that_is_unchanged_is_not_written(caller: Caller) -> None:
    await caller.campaigns.BatchUpdateCampaigns(batch(shop.campaign("same"), shop.campaign("new")))
    more = shop.campaign("new")
    more.display_name = "New"

    planned = await caller.campaigns.PlanChange(
        pb.PlanChangeRequest(campaigns=[shop.campaign("same"), more])
    )
    await caller.campaigns.BatchUpdateCampaigns(batch(shop.campaign("same"), more))
    history = {
        name: await caller.campaigns.ListChanges(pb.ListChangesRequest(name=f"campaigns/{name}"))
        for name in ("same", "new")
    }

    assert [each.change_class for each in planned.campaigns] == [
        pb.CHANGE_CLASS_NONE,
        pb.CHANGE_CLASS_SAFE,
    ]
    assert [change.verb for change in history["same"].changes] == ["create"]
    assert [change.verb for change in history["new"].changes] == ["create", "update"]


async def test_a_batch_that_only_validates_changes_nothing(caller: Caller) -> None:
    request = batch(shop.campaign("a"), shop.campaign("b"), validate_only=True)

    validated = await caller.campaigns.BatchUpdateCampaigns(request)
    request.requests[0].validate_only = False

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.campaigns.BatchUpdateCampaigns(request)
    assert len(validated.campaigns) == 2
    assert await names(caller) == []
    assert "requests.validate_only" in str(caught.value.details())


@pytest.mark.parametrize("count", [0, 1_001])
async def test_a_batch_has_a_size(caller: Caller, count: int) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.campaigns.PlanChange(
            pb.PlanChangeRequest(campaigns=[campaign_pb2.Campaign()] * count)
        )

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "must have 1 to 1,000" in str(caught.value.details())


async def test_a_batch_names_each_campaign_once(caller: Caller) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.campaigns.BatchUpdateCampaigns(batch(shop.campaign("a"), shop.campaign("a")))

    fields = details(caught.value)[1].field_violations
    assert [each.field for each in fields] == ["requests[1].campaign.name"]

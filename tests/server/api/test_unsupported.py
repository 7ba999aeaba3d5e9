"""What the contract has and this server does not do yet is refused by name, and never ignored."""

from collections.abc import Awaitable

import grpc
import pytest
from fairlift.v1 import assignment_service_pb2 as assignments
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1 import event_service_pb2 as events
from fairlift.wire.values import time_to

from tests.server import shop
from tests.server.client import Caller, details

NAME = "campaigns/free-shipping"


async def refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def exposed(**fields: object) -> events.Event:
    message = shop.exposure("v", "free")
    message.exposure.MergeFrom(events.Exposure(**fields))  # type: ignore[arg-type]  # its own
    return message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (exposed(first_seen_time=time_to(shop.now())), "exposure.first_seen_time"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_event_with_what_is_not_supported_is_refused_by_field(
    caller: Caller, message: events.Event, field: str
) -> None:
    await caller.start(shop.campaign())

    answer = await caller.events.RecordEvents(events.RecordEventsRequest(events=[message]))

    (outcome,) = answer.outcomes
    assert outcome.status == events.EVENT_STATUS_REFUSED
    assert outcome.reason == events.REFUSAL_REASON_INVALID
    assert outcome.field == field
    assert "not supported by this server version" in outcome.message


async def test_a_snapshot_of_another_environment_is_refused(caller: Caller) -> None:
    request = assignments.WatchSnapshotRequest(environment="production")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in caller.assignments.WatchSnapshot(request):
            pass

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "production" in (caught.value.details() or "")


async def test_a_reason_is_kept_and_has_a_limit(caller: Caller) -> None:
    request = campaigns.CreateCampaignRequest(campaign=shop.campaign(), reason="x" * 1_001)

    error = await refused(caller.campaigns.CreateCampaign(request))
    request.reason = "the plan of May"
    await caller.campaigns.CreateCampaign(request)
    history = await caller.campaigns.ListChanges(campaigns.ListChangesRequest(name=NAME))

    assert details(error)[1].field_violations[0].field == "reason"
    assert [change.reason for change in history.changes] == ["the plan of May"]

"""What the contract has and this server does not do yet is refused by name, and never ignored."""

from collections.abc import Awaitable

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as admin
from fairlift.v1 import assignment_service_pb2 as assignments
from fairlift.v1 import campaign_service_pb2 as campaigns
from fairlift.v1 import event_service_pb2 as events
from fairlift.v1.campaign_pb2 import Holdout
from fairlift.wire.values import time_to

from tests.server import shop
from tests.server.client import Caller, details

NAME = "campaigns/free-shipping"


async def refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def corrected() -> events.Event:
    message = shop.event()
    message.amendment.order_id = "o"
    message.amendment.correction.CopyFrom(shop.order("v", "o").order)
    return message


def reopened() -> events.Event:
    message = shop.event()
    message.amendment.order_id = "o"
    message.amendment.reopening.SetInParent()
    return message


def refunded(**parts: int) -> events.Event:
    message = shop.refund("o", 5)
    message.amendment.refund.MergeFrom(events.Refund(**parts))  # type: ignore[arg-type]  # its ints
    return message


def ordered(**fields: object) -> events.Event:
    message = shop.order("v", "o")
    message.order.MergeFrom(events.Order(**fields))  # type: ignore[arg-type]  # its own fields
    return message


def exposed(**fields: object) -> events.Event:
    message = shop.exposure("v", "free")
    message.exposure.MergeFrom(events.Exposure(**fields))  # type: ignore[arg-type]  # its own
    return message


def fine_rate() -> events.Event:
    message = shop.exchange_rate("VND", 1)
    message.exchange_rate.shop_picos_per_unit = 34_500_001
    return message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (corrected(), "amendment.correction"),
        (reopened(), "amendment.reopening"),
        (refunded(tax_micros=1), "amendment.refund.tax_micros"),
        (refunded(delivery_micros=1), "amendment.refund.delivery_micros"),
        (refunded(running_total=True), "amendment.refund.running_total"),
        (ordered(coupons=["A", "B"]), "order.coupons"),
        (ordered(test=True), "order.test"),
        (exposed(exposure_token="x"), "exposure.exposure_token"),
        (exposed(first_seen_time=time_to(shop.now())), "exposure.first_seen_time"),
        (fine_rate(), "exchange_rate.shop_picos_per_unit"),
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


async def test_a_rate_of_a_weak_currency_in_whole_micros_is_taken(caller: Caller) -> None:
    message = shop.exchange_rate("VND", 0.000034)
    order = shop.order("v", "o")
    order.order.currency_code = "VND"

    answer = await caller.events.RecordEvents(events.RecordEventsRequest(events=[message, order]))

    assert message.exchange_rate.shop_picos_per_unit == 34_000_000
    assert [outcome.status for outcome in answer.outcomes] == [events.EVENT_STATUS_ACCEPTED] * 2


async def test_a_request_with_what_is_not_supported_is_refused_by_field(caller: Caller) -> None:
    calls: dict[str, Awaitable[object]] = {
        "sent_time": caller.events.RecordEvents(
            events.RecordEventsRequest(sent_time=time_to(shop.now()))
        ),
        "reason": caller.campaigns.UpdateHoldout(
            campaigns.UpdateHoldoutRequest(holdout=Holdout(share_bps=5), reason="less")
        ),
    }
    for field, call in calls.items():
        error = await refused(call)

        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert [each.field for each in details(error)[1].field_violations] == [field]


async def test_a_snapshot_of_another_environment_is_refused(caller: Caller) -> None:
    request = assignments.WatchSnapshotRequest(environment="production")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in caller.assignments.WatchSnapshot(request):
            pass

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "production" in (caught.value.details() or "")


async def test_a_call_that_is_not_supported_says_so_in_a_sentence(caller: Caller) -> None:
    stub = caller.admin
    for call in (
        stub.CreateToken(admin.CreateTokenRequest()),
        stub.RotateToken(admin.RotateTokenRequest()),
        stub.GetSettings(admin.GetSettingsRequest()),
        stub.UpdateSettings(admin.UpdateSettingsRequest()),
        stub.ListAudit(admin.ListAuditRequest()),
    ):
        error = await refused(call)

        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        assert (error.details() or "").startswith("this server ")


async def test_a_reason_is_kept_and_has_a_limit(caller: Caller) -> None:
    request = campaigns.CreateCampaignRequest(campaign=shop.campaign(), reason="x" * 1_001)

    error = await refused(caller.campaigns.CreateCampaign(request))
    request.reason = "the plan of May"
    await caller.campaigns.CreateCampaign(request)
    history = await caller.campaigns.ListChanges(campaigns.ListChangesRequest(name=NAME))

    assert details(error)[1].field_violations[0].field == "reason"
    assert [change.reason for change in history.changes] == ["the plan of May"]

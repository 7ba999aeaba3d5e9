"""What is kept of a call while its events wait for the disk."""

import asyncio
import sys
from collections.abc import Sequence
from typing import cast

from fairlift.v1 import event_service_pb2 as pb
from fairlift_server.api.events import EventApi, EventRules, RecordContext
from fairlift_server.api.sender_checks import SenderChecks
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.caller_clocks import CallerClocks
from fairlift_server.events.ingest import Ingest

from tests.server import shop
from tests.server.api.test_exposure_entries import RUNNING, _published
from tests.server.events.test_queue import Disk


class AllMaySend:
    def is_relay(self, _metadata: object) -> bool:
        return False

    def refused(self, _request: object, _metadata: object) -> dict[int, object]:
        return {}


class Call:
    def invocation_metadata(self) -> Sequence[object]:
        return ()

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"


async def nothing() -> None:
    """Other servers have stored nothing."""


async def test_messages_of_events_that_wait_for_the_disk_are_not_kept() -> None:
    # Given a call whose events wait for the disk
    disk = Disk()
    ingest = Ingest(disk.store, limit_events=1_000)
    live = LiveCampaigns(_published(RUNNING, 1))
    api = EventApi(
        ingest,
        live,
        CallerClocks(lambda: 0, lambda: 0.0),
        cast(SenderChecks, AllMaySend()),
        rules=EventRules("EUR", 400, 7),
        stored=lambda unit: f"keyed-{unit}",
        now=shop.now,
        catch_up=nothing,
    )
    events = [shop.exposure(f"v-{number}", "treatment") for number in range(3)]
    for event in events:
        event.exposure.campaign = "campaigns/summer"
    request = pb.RecordEventsRequest(events=events)
    messages = [request, *request.events]
    held = [sys.getrefcount(message) for message in messages]
    answer = asyncio.ensure_future(api.RecordEvents(request, cast(RecordContext, Call())))
    await disk.busy.wait()

    # Then only this test holds their messages
    assert [sys.getrefcount(message) for message in messages] == held

    # And the answer names them all the same
    disk.free.set()
    outcomes = pb.RecordEventsResponse.FromString(await answer).outcomes
    assert [outcome.event_id for outcome in outcomes] == [event.event_id for event in events]
    assert {outcome.status for outcome in outcomes} == {pb.EVENT_STATUS_ACCEPTED}
    await ingest.close()

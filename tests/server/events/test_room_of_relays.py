"""What browsers send through a relay never takes the room in which a shop's own events wait."""

from pathlib import Path

from fairlift.v1 import admin_service_pb2 as admin
from fairlift.v1 import event_service_pb2 as pb

from tests.server import shop
from tests.server.access.callers import ADMIN, Metadata, bearer, made
from tests.server.client import Caller, running

PARKED, REFUSED = pb.EVENT_STATUS_PARKED, pb.EVENT_STATUS_REFUSED


async def sent(caller: Caller, *events: pb.Event, by: Metadata) -> list[pb.EventOutcome]:
    request = pb.RecordEventsRequest(events=events)
    return list((await caller.events.RecordEvents(request, metadata=by)).outcomes)


async def test_events_of_relays_fill_half_of_the_room(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN, parked_events=4) as caller:
        relay = bearer((await made(caller, "relay")).secret)
        storefront = bearer((await made(caller, "storefront")).secret)
        flood = [shop.exposure(f"v{n}", campaign=f"campaigns/unknown-{n}") for n in range(5)]
        relayed = await sent(caller, *flood, by=relay)
        own = [shop.exposure(f"w{n}", campaign="campaigns/soon") for n in range(3)]
        by_shop = await sent(caller, *own, by=storefront)

    assert [outcome.status for outcome in relayed] == [PARKED] * 2 + [REFUSED] * 3
    assert "keeps at most 2 such events (128 MiB) of relays and has no room" in relayed[2].message
    assert relayed[2].retryable
    assert [outcome.status for outcome in by_shop] == [PARKED] * 2 + [REFUSED]
    assert "keeps at most 4 such events (256 MiB) and has no room" in by_shop[2].message


async def test_relayed_actions_above_a_limit_fill_half_of_the_room(tmp_path: Path) -> None:
    async with running(tmp_path, token=ADMIN, parked_events=2) as caller:
        settings = admin.Settings(largest_action_values={"review": 5.0})
        await caller.admin.UpdateSettings(
            admin.UpdateSettingsRequest(settings=settings), metadata=bearer(ADMIN)
        )
        relay = bearer((await made(caller, "relay")).secret)
        actions = [shop.action(f"v{n}", "review", value=6.0) for n in range(2)]
        relayed = await sent(caller, *actions, by=relay)
        by_shop = await sent(caller, shop.action("w", "review", value=7.0), by=bearer(ADMIN))

    assert [outcome.status for outcome in (*relayed, *by_shop)] == [PARKED, REFUSED, PARKED]

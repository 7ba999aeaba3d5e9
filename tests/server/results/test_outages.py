"""A day whose events were kept away by an outage, through gRPC."""

from datetime import timedelta
from pathlib import Path

from tests.server import shop
from tests.server.client import running
from tests.server.crowds import START, send, start
from tests.server.live_days import DAY, HOUR, day_of, list_looks, planned, read


async def test_after_an_outage_a_day_waits_for_the_events_that_were_kept_away(
    tmp_path: Path,
) -> None:
    events = list(day_of(1, each=20))
    noon = START + 12 * HOUR
    before = [event for event in events if event.event_time.ToDatetime(noon.tzinfo) < noon]
    kept_away = [event for event in events if event not in before]
    back = START + DAY + 10 * HOUR
    async with running(tmp_path) as caller:
        await start(caller, planned())
        caller.clock.set(noon)
        await send(caller, iter(before))
        # Nothing comes in until the next morning; then what is new is the first to arrive.
        caller.clock.set(back)
        await send(caller, iter([shop.exposure("new", "free", at=back)]))
        at_once = await read(caller)
        caller.clock.set(back + HOUR)
        await send(caller, iter(kept_away))
        caller.clock.set(back + 2 * HOUR + timedelta(minutes=1))
        await read(caller)
        (look,) = await list_looks(caller)

    assert not at_once.HasField("look")
    assert [arm.entered_units for arm in look.arms] == [20, 20]

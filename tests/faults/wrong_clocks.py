"""Wrong clocks, of the server and of a storefront: nothing is lost, nothing moves to another day.

A real server runs in this process by a clock that the fault sets. Six storefronts have a connection
and a clock each; like the SDK they say when they send, keep what is refused for now, and send it
again under the same id. At the end the ledger is compared with when each event really happened.
The storefront with the wrong clock speaks last in each round: two others must have spoken before
anybody is corrected.
"""

import asyncio
import sqlite3
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from fairlift.v1 import event_service_pb2 as pb
from fairlift.v1.event_service_pb2_grpc import EventServiceStub

from tests.server import shop
from tests.server.client import Clock, running

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NONE = timedelta()
STOREFRONTS = 6
EVENTS_A_CALL = 20
# The largest error of a time that is right.
_TOLERANCE_S = 60.0
_PATIENCE_S = 300.0
Counts: TypeAlias = dict[str, int]
_DURABLE = (pb.EVENT_STATUS_ACCEPTED, pb.EVENT_STATUS_DUPLICATE, pb.EVENT_STATUS_PARKED)


@dataclass(frozen=True, slots=True)
class Fault:
    """Whose clock is off by how much, round by round.

    Attributes:
        server, storefront: by how much the server's clock and that of the last storefront are off
            in a round; the other storefronts' clocks are right.
    """

    name: str
    server: Callable[[float], timedelta] = lambda _: NONE
    storefront: Callable[[float], timedelta] = lambda _: NONE


def _in_the_middle(jump: timedelta) -> Callable[[float], timedelta]:
    return lambda part: jump if 1 / 3 <= part < 2 / 3 else NONE


FAULTS = (
    Fault("server 1 h slow", server=lambda _: -HOUR),
    Fault("server 1 h fast", server=lambda _: HOUR),
    Fault("storefront 6 min fast", storefront=lambda _: 6 * MINUTE),
    Fault("storefront 1 h fast", storefront=lambda _: HOUR),
    Fault("storefront 1 h slow", storefront=lambda _: -HOUR),
    Fault("server jumps 1 h ahead and back", server=_in_the_middle(HOUR)),
    Fault("server jumps 1 h back and ahead", server=_in_the_middle(-HOUR)),
    Fault("storefront jumps 1 h ahead and back", storefront=_in_the_middle(HOUR)),
    Fault("storefront jumps 1 h back and ahead", storefront=_in_the_middle(-HOUR)),
)


class Storefront:
    """One caller: its connection, its clock, and what the server has not taken yet."""

    def __init__(self, number: int, target: str) -> None:
        self._number = number
        self._channel = grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
        self._events = EventServiceStub(self._channel)
        self._kept: list[pb.Event] = []
        self.off = NONE
        self.acknowledged: dict[str, datetime] = {}
        self._true_times: dict[str, datetime] = {}

    async def send(self, count: int) -> None:
        """New events that happen now, and those that were refused for now."""
        for _ in range(count):
            now = datetime.now(UTC)
            event = shop.action(f"v-{self._number}", "view", at=now + self.off)
            self._true_times[event.event_id] = now
            self._kept.append(event)
        request = pb.RecordEventsRequest(events=self._kept)
        request.sent_time.FromDatetime(datetime.now(UTC) + self.off)
        answer = await self._events.RecordEvents(request, timeout=_PATIENCE_S)
        for outcome in answer.outcomes:
            if outcome.status in _DURABLE:
                self.acknowledged[outcome.event_id] = self._true_times[outcome.event_id]
        self._kept = [
            event
            for event, outcome in zip(self._kept, answer.outcomes, strict=True)
            if outcome.retryable
        ]

    @property
    def sent(self) -> int:
        """How many events it had."""
        return len(self._true_times)

    async def close(self) -> None:
        await self._channel.close()


async def run(fault: Fault, *, rounds: int) -> Counts:
    """Runs one fault; at its end the clocks are right, and what was parked has been judged."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        clock.ahead = fault.server(0.0)
        async with (
            running(path, clock=clock) as caller,
            _storefronts(caller.address) as storefronts,
        ):
            for number in range(rounds):
                part = number / rounds
                clock.ahead = fault.server(part)
                storefronts[-1].off = fault.storefront(part)
                # One after the other: who speaks first is part of the fault.
                for storefront in storefronts:
                    await storefront.send(EVENTS_A_CALL)
            clock.ahead = storefronts[-1].off = NONE
            await storefronts[0].send(EVENTS_A_CALL)
            await _until_nothing_is_parked(path)
        return _counts(path, storefronts)


@asynccontextmanager
async def _storefronts(target: str) -> AsyncIterator[list[Storefront]]:
    async with AsyncExitStack() as stack:
        storefronts = [Storefront(number, target) for number in range(STOREFRONTS)]
        for storefront in storefronts:
            stack.push_async_callback(storefront.close)
        yield storefronts


async def _until_nothing_is_parked(folder: Path) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while _rows(folder, "SELECT COUNT(*) FROM parked_events") != [(0,)]:
            await asyncio.sleep(0.1)


def _counts(folder: Path, storefronts: Sequence[Storefront]) -> Counts:
    """What the ledger holds, compared with the true time of every acknowledged event.

    A time that is off by more than a minute is wrong: at some midnight it would be on a wrong day.
    """
    stored = _rows(folder, "SELECT event_id, time_us FROM actions")
    times_s = {str(uuid.UUID(bytes=event_id)): time_us / 1e6 for event_id, time_us in stored}
    acknowledged = {name: at for each in storefronts for name, at in each.acknowledged.items()}
    return {
        "sent": sum(storefront.sent for storefront in storefronts),
        "acknowledged": len(acknowledged),
        "lost": sum(name not in times_s for name in acknowledged),
        "doubled": len(stored) - len(times_s),
        "wrong": sum(
            name in times_s and abs(times_s[name] - at.timestamp()) > _TOLERANCE_S
            for name, at in acknowledged.items()
        ),
    }


def _rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        return database.execute(query).fetchall()

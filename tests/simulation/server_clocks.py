"""Campaigns that run while the server's clock is wrong, or moves: is a decision taken back?

A real server runs in this process by a clock that is set. Twice a day of the campaign it gets
what has happened, and every campaign is read. The same events come in under each clock.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from fairlift.v1.event_service_pb2 import EVENT_STATUS_REFUSED, Event, RecordEventsRequest
from fairlift.v1.results_service_pb2 import GetResultsRequest, Verdict

from tests.server import shop
from tests.server.client import Caller, Clock, running
from tests.simulation.server_campaigns import (
    CONVERSION_RATE,
    DAYS_OF_ENTRY,
    EVERY_DAY,
    LATE_SHARE,
    LIFT,
    Outcome,
    planned_visitors,
)
from tests.simulation.tables import HELD, MISSED, introduced, table

STEPS_A_DAY: Final = 2
_STEP: Final = timedelta(days=1) / STEPS_A_DAY
# The window of three days follows, and three days in which nothing may change any more.
_DAYS: Final = DAYS_OF_ENTRY + 6
_ARMS: Final = ("old", "new")
_NOONS_OF_DECISIONS: Final = frozenset((day - 1) * STEPS_A_DAY for day in (10, 17, 24))
_HOUR: Final = timedelta(hours=1)
_NONE: Final = timedelta()
Steps: TypeAlias = Sequence[list[Event]]


@dataclass(frozen=True, slots=True)
class ClockFault:
    """By how much the server's clock is ahead at each step: noon and midnight of each day."""

    name: str
    ahead: Callable[[int], timedelta]


FAULTS: Final = (
    ClockFault("right", lambda _: _NONE),
    ClockFault("an hour slow", lambda _: -_HOUR),
    ClockFault("jumps by an hour, ahead and back", lambda n: (_HOUR, -_HOUR, _NONE)[n % 3]),
    ClockFault(
        "a day ahead at noon of days 10, 17 and 24",
        lambda n: timedelta(days=1) if n in _NOONS_OF_DECISIONS else _NONE,
    ),
)


def outcomes_under(
    fault: ClockFault, lifts: Mapping[str, float], visitors: int, seed: int
) -> dict[str, Outcome]:
    """What each campaign was read to say twice a day; a lift for each campaign."""
    return asyncio.run(_outcomes_under(fault, lifts, visitors, seed))


async def _outcomes_under(
    fault: ClockFault, lifts: Mapping[str, float], visitors: int, seed: int
) -> dict[str, Outcome]:
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    outcomes = {name: Outcome(lift > 0, EVERY_DAY) for name, lift in lifts.items()}
    rng = random.Random(seed)
    histories = [_history(name, lift, start, visitors, rng) for name, lift in lifts.items()]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        clock.set(start)
        async with running(Path(folder), clock=clock) as caller:
            for name in lifts:
                planned = shop.campaign(
                    name, variants=_ARMS, metric="conversion_rate", planned_units=visitors,
                    maximum_days=DAYS_OF_ENTRY,
                )  # fmt: skip
                planned.plan.primary[0].minimum_effect = LIFT
                await caller.start(planned)
            for number in range(_DAYS * STEPS_A_DAY):
                true = start + (number + 1) * _STEP
                clock.set(true + fault.ahead(number))
                await _record(caller, true, [e for history in histories for e in history[number]])
                for name, outcome in outcomes.items():
                    outcome.verdicts.append(await _verdict(caller, name))
    return outcomes


def _history(
    name: str, lift: float, start: datetime, visitors: int, rng: random.Random
) -> list[list[Event]]:
    """What comes in at each step: visitors enter evenly, and buy at once or not at all."""
    steps: list[list[Event]] = [[] for _ in range(_DAYS * STEPS_A_DAY)]
    entry_steps = DAYS_OF_ENTRY * STEPS_A_DAY
    for number in range(visitors):
        step = number * entry_steps // visitors
        at = start + step * _STEP + rng.random() * (_STEP - timedelta(minutes=10))
        visitor, is_new = f"{name}-{number}", number % 2
        steps[step].append(
            shop.exposure(visitor, _ARMS[is_new], at=at, campaign=f"campaigns/{name}")
        )
        if rng.random() < CONVERSION_RATE * (1 + lift * is_new):
            order = shop.order(visitor, f"order-{visitor}", at=at + timedelta(minutes=5))
            is_late = rng.random() < LATE_SHARE
            later = rng.randint(STEPS_A_DAY, 6 * STEPS_A_DAY) if is_late else 0
            steps[min(step + later, len(steps) - 1)].append(order)
    for step, events in enumerate(steps):
        # Whoever comes back moves the time of the ledger on.
        back = start + (step + 1) * _STEP - timedelta(seconds=10)
        events.append(shop.action(f"{name}-0", "visit", at=back))
    return steps


async def _record(caller: Caller, sent: datetime, events: list[Event]) -> None:
    request = RecordEventsRequest(events=events)
    request.sent_time.FromDatetime(sent)
    answer = await caller.events.RecordEvents(request)
    refused = [o.message for o in answer.outcomes if o.status == EVENT_STATUS_REFUSED]
    assert refused == []


async def _verdict(caller: Caller, name: str) -> Verdict:
    answer = await caller.results.GetResults(GetResultsRequest(name=f"campaigns/{name}"))
    return answer.verdict


def clocks(_: Path) -> str:
    """Campaigns that are read twice a day while the clock of the server is wrong."""
    visitors = planned_visitors()
    lifts = {f"same-{n}": 0.0 for n in range(4)} | {f"better-{n}": 1.5 * LIFT for n in range(4)}
    rows: list[Sequence[object]] = []
    right: list[Verdict] = []
    for fault in FAULTS:
        outcomes = list(outcomes_under(fault, lifts, visitors, 20_297).values())
        last = [outcome.verdicts[-1] for outcome in outcomes]
        right = right or last
        reversed_ = sum(outcome.is_reversed for outcome in outcomes)
        rows.append(
            (
                fault.name,
                len(outcomes),
                sum(v.HasField("decided_time") for v in last),
                sum(
                    a.kind == b.kind and a.decided_time == b.decided_time
                    for a, b in zip(last, right, strict=True)
                ),
                reversed_,
                0,
                HELD if not reversed_ else MISSED,
            )
        )
    return (
        f"Half of the campaigns have no effect, half have {1.5 * LIFT:+.0%} of "
        f"{CONVERSION_RATE:.0%}. Each has {visitors:,} visitors in three weeks, and "
        f"{LATE_SHARE:.0%} of its orders come in one to six days late. It is read at noon and at "
        "midnight, until three days after its end. *As with a right clock*: the same kind of "
        "verdict on the same day.\n\n"
        + table(
            (
                "the server's clock",
                "campaigns",
                "decided",
                "as with a right clock",
                "taken back",
                "promised",
                "holds",
            ),
            rows,
        )
    )


SECTIONS = {"A clock that moves": introduced(clocks)}

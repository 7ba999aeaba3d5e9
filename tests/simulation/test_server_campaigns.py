"""The simulation through a real server, in small."""

import pytest
from fairlift.v1.results_service_pb2 import Verdict
from google.protobuf.timestamp_pb2 import Timestamp

from tests.simulation.server_campaigns import (
    AROUND_DECISIONS,
    EVERY_DAY,
    Outcome,
    Simulation,
    expected_power,
    planned_visitors,
    simulate,
)


def test_campaigns_through_a_server_decide_once() -> None:
    # Of 420 visitors in each of three weeks half get the new variant: 42 buyers against 126.
    simulation = Simulation(2, 2, 1_260, lift=2.0, read_daily=1, alternates=True)

    outcomes = simulate(simulation)

    assert len(outcomes) == 4
    assert not any(outcome.is_reversed for outcome in outcomes.values())
    assert all(o.has_shipped for o in outcomes.values() if o.has_effect)
    read = [len(outcome.verdicts) for outcome in outcomes.values()]
    assert read == [len(EVERY_DAY), len(AROUND_DECISIONS)] * 2


@pytest.mark.parametrize(
    ("later", "is_reversed"),
    [
        ({"sentence": "Ship b.", "decided_time": Timestamp(seconds=5)}, False),
        ({"sentence": "Ship c.", "decided_time": Timestamp(seconds=5)}, True),
        ({"sentence": "Ship b.", "decided_time": Timestamp(seconds=6)}, True),
        ({"sentence": "Go on."}, True),
    ],
    ids=["the same", "another sentence", "another day", "undecided again"],
)
def test_a_decision_that_is_said_otherwise_later_is_a_reversal(
    later: dict[str, object], is_reversed: bool
) -> None:
    decided = Verdict(sentence="Ship b.", decided_time=Timestamp(seconds=5))
    afterwards = Verdict(**later)  # type: ignore[arg-type]  # fields of a verdict
    afterwards.since.add(code="late_orders", sentence="3 orders came in late.")

    outcome = Outcome(True, EVERY_DAY, [Verdict(sentence="Go on."), decided, afterwards])

    assert outcome.is_reversed is is_reversed


def test_the_planned_visitors_have_the_power_that_is_promised() -> None:
    # Fleiss (1981), for one look: ((1.96 sqrt(2 x .235 x .765) + .8416 sqrt(.2 x .8 + .27 x .73))
    # / .07)^2 = 574.75 visitors an arm; three looks and the advice to give up take a little more.
    visitors = planned_visitors()

    assert 2 * 574.75 < visitors < 1.15 * 2 * 574.75
    assert 0.80 < expected_power(visitors) < 0.84

"""The simulation through a real server, in small."""

from tests.simulation.server_campaigns import Study, simulate


def test_campaigns_through_a_server_decide_once() -> None:
    study = Study(2, 2, 1_800, 2.0, frozenset({9, 10, 12, 17, 24}))

    outcomes = simulate(study)

    assert len(outcomes) == 4
    assert not any(outcome.is_reversed for outcome in outcomes.values())
    # Conversion three times as high, 900 visitors an arm: power is above 0.999.
    assert all(o.has_shipped for o in outcomes.values() if o.has_effect)
    assert all(len(outcome.verdicts) == 5 for outcome in outcomes.values())

"""What the log says of parked events that were judged."""

import logging

import pytest
from fairlift_server.api.parked_events import _log_outcomes
from fairlift_server.events.ledger import (
    AmendmentConflict,
    IdleOutcome,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.logs import JsonFormatter


def test_every_outcome_of_a_judged_event_has_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fairlift.events"):
        _log_outcomes(
            [
                "accepted",
                "accepted",
                IdleOutcome(
                    "the refund is larger than its order",
                    "amendment.refund",
                    AmendmentConflict("ticket", 60_000_000, 50_000_000, "EUR"),
                ),
                RefusedEvent(RefusalReason.CONFLICT, "was sent before", "event_id"),
            ]
        )

    line = JsonFormatter().format(caplog.records[0])
    assert '"accepted": 2' in line
    assert '"accepted_without_effect": 1' in line
    assert '"refused_conflict": 1' in line

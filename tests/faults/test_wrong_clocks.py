"""The faults of clocks in their short form: `make faults` runs the long one."""

import pytest

from tests.faults import killed_while_parked
from tests.faults.wrong_clocks import FAULTS, STOREFRONTS, Fault, run


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_wrong_clock_loses_nothing_and_moves_nothing(fault: Fault) -> None:
    counts = await run(fault, rounds=3)

    assert counts["acknowledged"] == counts["sent"] == (3 * STOREFRONTS + 1) * 20
    assert (counts["lost"], counts["doubled"], counts["wrong"]) == (0, 0, 0)


def test_a_server_that_is_killed_while_events_are_parked_counts_each_once() -> None:
    counts = killed_while_parked.run(batches=6, kills=1)

    assert counts == {"acknowledged": 1_200, "lost": 0, "doubled": 0, "wrong": 0}

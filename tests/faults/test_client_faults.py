"""The short forms of what connections and servers do to a client."""

from pathlib import Path

import pytest

from tests.databases import new_database
from tests.faults import large_shop, rolling_restart, swallowed_connection, workers_restart


@pytest.mark.parametrize("is_idle", [True, False])
def test_swallowed_connection_is_noticed_and_loses_nothing(is_idle: bool) -> None:
    counts = swallowed_connection.client_that_goes_on(swallowed_connection.SHORT, is_idle=is_idle)

    assert (counts.lost, counts.doubled) == (0, 0)


def test_worker_that_ends_on_a_swallowed_connection_sends_on_a_new_one() -> None:
    counts = swallowed_connection.worker_that_ends(is_silent_for_ever=False)

    assert (counts.lost, counts.doubled) == (0, 0)
    assert counts.said == ()


def test_worker_that_ends_without_any_connection_says_once_what_it_lost() -> None:
    counts = swallowed_connection.worker_that_ends(is_silent_for_ever=True)

    assert counts.lost == counts.recorded
    (line,) = counts.said
    assert f"{counts.recorded} events are lost" in line


def test_servers_killed_in_turns_cost_a_thin_client_no_answer() -> None:
    counts = rolling_restart.killed(2, times=2, down_s=1.0, timeout_s=5.0)

    assert counts.answers > 0
    assert (counts.controls, counts.flips) == (0, 0)


def test_servers_that_drain_in_turns_cost_a_thin_client_no_answer() -> None:
    counts = rolling_restart.drained(2, times=2, down_s=0.5, timeout_s=5.0)

    assert counts.answers > 0
    assert (counts.controls, counts.flips) == (0, 0)


def test_an_sdk_that_decides_loses_no_event_while_servers_drain() -> None:
    counts = rolling_restart.drained(2, times=2, down_s=0.5, decide="local")

    assert counts.answers > 0
    assert (counts.controls, counts.flips, counts.lost) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("decide", ["server", "local"])
def test_servers_on_one_postgresql_that_drain_in_turns_cost_no_answer(
    tmp_path: Path, decide: rolling_restart.Decide
) -> None:
    counts = rolling_restart.drained(
        2, times=2, down_s=0.5, timeout_s=5.0, database=new_database(str(tmp_path)), decide=decide
    )

    assert counts.answers > 0
    assert (counts.controls, counts.flips, counts.lost) == (0, 0, 0)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="lists workers by Linux's /proc")
@pytest.mark.parametrize("decide", ["server", "local"])
def test_workers_that_drain_in_turns_cost_no_answer(decide: rolling_restart.Decide) -> None:
    counts = workers_restart.drained_workers(2, times=2, timeout_s=5.0, decide=decide)

    assert counts.answers > 0
    assert (counts.controls, counts.flips, counts.lost) == (0, 0, 0)


def test_a_storefront_gets_every_campaign_of_a_large_shop_and_each_change() -> None:
    assert large_shop.run(campaigns=1_500)["wrong"] == 0

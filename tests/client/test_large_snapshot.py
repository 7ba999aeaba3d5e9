"""A snapshot above the client's limit: said as an error, with the size, the limit and a remedy."""

import logging

import pytest
from fairlift import Client
from fairlift.snapshot_change import SnapshotChange

from tests.client.shop import Shop, eventually, running, spring

LIMIT = ("grpc.max_receive_message_length", 2_000)


def test_snapshot_above_the_limit_is_an_error_that_names_the_remedy(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a snapshot of more bytes than the client accepts
    shop.publish(spring("e2", *(running(f"campaign-{number}") for number in range(50))))
    size = shop.snapshot.ByteSize()
    changes: list[SnapshotChange] = []
    caplog.set_level(logging.INFO, "fairlift")
    with Client(shop.target, channel_options=[LIMIT]) as client:
        client.on_change(changes.append)

        # When it arrives, then the log, the statistics, the listeners and the caller who waits know
        assert eventually(lambda: "bytes" in client.stats().problem)
        problem = client.stats().problem
        assert not client.wait_ready(0.1)
        assert eventually(lambda: changes)
        assert changes[0].refusal == problem
        assert eventually(lambda: shop.streams >= 3)

        # When the snapshot is small again, then it is used
        shop.publish(spring("e3"))
        assert client.wait_ready(30)
        assert eventually(lambda: client.stats().problem == "")

    # The size is that of the response, which holds the snapshot.
    said = int(problem.split()[6].replace(",", ""))
    assert size <= said <= size + 16
    assert "this client accepts 2,000" in problem
    remedy = f'channel_options=[("grpc.max_receive_message_length", {2**14})]'
    assert remedy in problem, problem
    errors = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert [line.getMessage() for line in errors] == [f"no snapshots from the server: {problem}"]
    assert f"no snapshot arrived in 0.1 s: {problem}" in caplog.text


def test_limit_that_the_remedy_names_is_enough(shop: Shop) -> None:
    shop.publish(spring("e2", *(running(f"campaign-{number}") for number in range(50))))
    with Client(shop.target, channel_options=[LIMIT]) as client:
        assert eventually(lambda: "bytes" in client.stats().problem)
        problem = client.stats().problem
    enough = int(problem.rpartition(", ")[2].rstrip(")]"))

    with Client(shop.target, channel_options=[(LIMIT[0], enough)]) as client:
        assert client.wait_ready(30)

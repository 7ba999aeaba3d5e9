"""What a client says when its token is replaced while it watches snapshots."""

import logging

import pytest
from fairlift import Client
from fairlift.snapshot_change import SnapshotChange

from tests.client.shop import Shop, eventually, spring
from tests.client.test_delivery import connected

REFUSED = "no snapshots from the server: the test wants it so"


def test_a_replaced_token_is_no_problem_until_the_new_one_is_refused_too(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fairlift")
    token = "first"
    changes: list[SnapshotChange] = []
    with connected(shop, token=lambda: token) as client:
        client.on_change(changes.append)

        # When the first token ends and the client has the second
        token = "second"
        shop.refused_tokens = {"first"}
        assert eventually(lambda: shop.streams == 2)
        shop.publish(spring("e2"))
        assert eventually(lambda: [change.etag for change in changes] == ["e2"])

        # Then snapshots go on, and it is no problem
        assert [change.refusal for change in changes] == [""]
        assert client.stats().problem == ""
        assert [line for line in caplog.records if line.levelno > logging.INFO] == []

        # When the second ends too, and the client has no other
        shop.refused_tokens = {"first", "second"}
        assert eventually(lambda: client.stats().problem)
        assert eventually(lambda: changes[-1].refusal)
        assert eventually(lambda: shop.streams >= 5)

    # Then that is said once
    loud = [line for line in caplog.records if line.levelno > logging.INFO]
    assert [(line.levelname, line.getMessage()) for line in loud] == [("WARNING", REFUSED)]


def test_a_token_that_never_was_valid_is_an_error(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.refused_tokens = {"wrong"}
    with Client(shop.target, token="wrong") as client:
        assert eventually(lambda: client.stats().problem)
        assert eventually(lambda: shop.streams >= 2)

    loud = [line for line in caplog.records if line.levelno > logging.INFO]
    assert [(line.levelname, line.getMessage()) for line in loud] == [("ERROR", REFUSED)]

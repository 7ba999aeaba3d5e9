"""A server for each test, gone with it."""

from collections.abc import Iterator

import pytest

from tests.client.shop import Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop's server that listens."""
    server = Shop().start()
    yield server
    server.stop()

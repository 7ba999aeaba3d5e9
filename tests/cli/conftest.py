"""One real server for the tests of the CLI; each test brings campaigns of its own."""

from collections.abc import Iterator

import pytest

from examples.server import running_server
from tests.canned_server import CannedServer, canned_server
from tests.cli.production import TOKEN


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where an open server listens."""
    with running_server(currency="EUR") as found:
        yield found


@pytest.fixture(scope="session")
def shop() -> Iterator[CannedServer]:
    """A server with hand-written reports; each test clears it, and brings its own."""
    with canned_server() as server:
        yield server


@pytest.fixture(scope="session")
def guarded() -> Iterator[str]:
    """Where a server listens that asks for the token `open-sesame`."""
    with running_server(currency="EUR", token="open-sesame") as found:
        yield found


@pytest.fixture(scope="module")
def production() -> Iterator[str]:
    """The address of a server whose environment is production, and which wants a token."""
    with running_server(currency="EUR", environment="production", token=TOKEN) as address:
        yield address

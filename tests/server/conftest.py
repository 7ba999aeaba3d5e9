"""A server for each test, on a free loopback port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.client import Caller, running


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    async with running(tmp_path) as caller:
        yield caller

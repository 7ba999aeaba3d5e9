"""A database for each test, and the folder of its export."""

from pathlib import Path

import pytest

from tests.ledger_oracle.product import empty_store


@pytest.fixture
def database(tmp_path: Path) -> str:
    return empty_store(tmp_path)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"

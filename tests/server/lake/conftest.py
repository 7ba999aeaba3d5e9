"""A database for each test."""

from pathlib import Path

import pytest

from tests.ledger_oracle.product import empty_store


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return Path(empty_store(tmp_path)).rename(tmp_path / "shop.db")

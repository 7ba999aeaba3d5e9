"""Until old events are to be removed, the settings are read once an hour, whatever happens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fairlift.engine.errors import Unavailable
from fairlift_server.results import retention_rules
from fairlift_server.results.retention_rules import RetentionRules, wait_for_retention
from fairlift_server.store.database import Store, Transaction


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "shop.db")
    opened.migrate()
    yield opened
    opened.close()


async def test_a_setting_that_cannot_be_read_is_asked_for_again(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_rules, "_FIRST_S", 0.0)
    monkeypatch.setattr(retention_rules, "EVERY_S", 0.01)
    answers: Iterator[Exception | int] = iter(
        [Unavailable("the database is away"), ValueError("planted"), 0, 100]
    )

    def rules(_transaction: Transaction) -> RetentionRules:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return RetentionRules.of(answer, 30)

    async with asyncio.timeout(20):
        await wait_for_retention(store, rules)

    # The store itself says that the database is away: one line of a mistake is left
    assert list(answers) == []
    lines = [record.message for record in caplog.records if record.name == "fairlift.results"]
    assert lines == ["how long events are kept could not be read"]
    assert "database is away" not in caplog.text

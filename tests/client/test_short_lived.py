"""A client for every request is told why it is never ready, and what to do instead."""

import gc
import logging

import pytest
from fairlift import Client, Reason, short_lived
from fairlift.short_lived import SHORT_S, ShortLivedClients

from tests.client.shop import Shop


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> ShortLivedClients:
    """No client of another test counts."""
    clients = ShortLivedClients()
    monkeypatch.setattr(short_lived, "SHORT_LIVED", clients)
    return clients


@pytest.mark.parametrize("decide", ["local", "server"])
def test_client_per_request_is_warned_about_once_with_the_remedy(
    shop: Shop, decide: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "fairlift"):
        for number in range(5):
            # The mistake: a client is made, asked at once, and closed.
            with Client(shop.target, decide=decide) as client:  # type: ignore[arg-type]
                client.assign("spring", f"v{number}", {"country": "ES"})

    lines = [line.getMessage() for line in caplog.records if "lived for less" in line.getMessage()]
    assert len(lines) == 1
    assert f"3 clients of {shop.target} in this process" in lines[0]
    assert "answers not_ready every time" in lines[0]
    assert "make one client per process" in lines[0]


def test_clients_that_are_forgotten_are_counted_too(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    states = []
    for number in range(3):
        client = Client(shop.target)
        assert client.assign("spring", f"v{number}").reason in (
            Reason.NOT_READY,
            Reason.NOT_IN_AUDIENCE,
        )
        states.append(client._process_state)
        del client
        gc.collect()
    for state in states:
        state._background.join(20)

    assert caplog.text.count("lived for less") == 1


def test_few_clients_or_long_lives_are_no_mistake(
    fresh: ShortLivedClients, caplog: pytest.LogCaptureFixture
) -> None:
    for target in ("one:443", "two:443"):
        fresh.ended(target, lived_s=0.1)
        fresh.ended(target, lived_s=0.1)
        for _ in range(10):
            fresh.ended(target, lived_s=SHORT_S)

    assert caplog.text == ""

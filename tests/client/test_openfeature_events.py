"""What applications hear of the provider, through the API of OpenFeature itself."""

import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from fairlift import Client, SnapshotChange
from fairlift.openfeature import FairliftProvider
from fairlift.v1 import assignment_service_pb2 as a
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.provider import ProviderStatus
from openfeature.provider.no_op_provider import NoOpProvider

from tests.client.shop import Shop, eventually, running, spring


class Heard:
    """A handler for each event, and what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[ProviderEvent, EventDetails]] = []
        for event in ProviderEvent:
            api.add_handler(event, self._handler(event))

    def of(self, event: ProviderEvent) -> list[EventDetails]:
        return [details for each, details in self.events if each is event]

    def _handler(self, event: ProviderEvent) -> Callable[[EventDetails], None]:
        return lambda details: self.events.append((event, details))


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    # A provider that does nothing is ready already, and says so.
    assert eventually(lambda: heard.events)
    heard.events.clear()
    yield heard
    api.clear_providers()  # the handlers too


def use(client: Client, *, ready_s: float = 10.0) -> OpenFeatureClient:
    api.set_provider_and_wait(FairliftProvider(client, ready_s=ready_s))
    return api.get_client()


def test_ready_is_told_once_there_is_a_snapshot(shop: Shop, heard: Heard) -> None:
    flags = use(Client(shop.target))

    assert eventually(lambda: heard.events)
    ((event, details),) = heard.events
    assert (event, details.provider_name) == (ProviderEvent.PROVIDER_READY, "fairlift")
    assert flags.get_provider_status() is ProviderStatus.READY


def test_campaigns_that_changed_are_named(shop: Shop, heard: Heard) -> None:
    use(Client(shop.target))
    assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_READY))
    for snapshot, changed in (
        (spring("e2", running("summer"), running("winter")), ["summer", "winter"]),
        (spring("e3", running("summer", overrides={"v": "treatment"})), ["summer", "winter"]),
        (spring("e4", running("summer", overrides={"v": "control"})), ["summer"]),
        (_with_a_holdout("e5"), ["spring", "summer"]),
    ):
        heard.events.clear()
        shop.publish(snapshot)

        assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED))
        assert [details.flags_changed for _, details in heard.events] == [changed]


def _with_a_holdout(etag: str) -> a.Snapshot:
    snapshot = spring(etag)
    snapshot.holdout.share_bps = 500
    return snapshot


def test_silence_of_the_server_is_stale_and_its_return_ready(shop: Shop, heard: Heard) -> None:
    flags = use(Client(shop.target, stale_after_s=0.5))
    shop.stop()

    assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_STALE))
    assert flags.get_provider_status() is ProviderStatus.STALE
    assert "does not answer" in str(heard.of(ProviderEvent.PROVIDER_STALE)[0].message)

    heard.events.clear()
    shop.start()
    assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_READY), 20)
    assert flags.get_provider_status() is ProviderStatus.READY
    assert heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED) == []


def test_refusal_of_the_server_is_an_error_until_it_ends(shop: Shop, heard: Heard) -> None:
    flags = use(Client(shop.target))
    heard.events.clear()
    shop.refuses = grpc.StatusCode.PERMISSION_DENIED
    shop.stop()
    shop.start()

    assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_ERROR), 20)
    assert flags.get_provider_status() is ProviderStatus.ERROR
    (error,) = heard.of(ProviderEvent.PROVIDER_ERROR)
    assert "the test wants it so" in str(error.message)

    shop.refuses = None
    assert eventually(lambda: flags.get_provider_status() is ProviderStatus.READY, 20)


def test_provider_that_is_not_ready_in_time_says_so_and_is_ready_later(
    shop: Shop, heard: Heard
) -> None:
    shop.stop()
    with pytest.raises(ProviderNotReadyError, match=r"UNAVAILABLE|not answered"):
        use(Client(shop.target), ready_s=0.3)
    assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_ERROR))
    flags = api.get_client()
    assert flags.get_string_details("spring", "x").error_code is ErrorCode.PROVIDER_NOT_READY

    shop.start()
    assert eventually(lambda: heard.of(ProviderEvent.PROVIDER_READY), 20)
    assert flags.get_provider_status() is ProviderStatus.READY
    assert heard.of(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED) == []


def test_provider_that_was_replaced_ends_and_tells_nothing_more(shop: Shop, heard: Heard) -> None:
    client = Client(shop.target)
    use(client)
    client.action("v", "newsletter")
    api.set_provider_and_wait(NoOpProvider())
    assert eventually(lambda: len(shop.of_kind("action")) == 1 and not _threads())
    heard.events.clear()
    shop.publish(spring("e2", running("summer")))

    assert not eventually(lambda: heard.events, 0.5)


def _threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("fairlift")]


def test_listener_that_fails_costs_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    def fail(change: SnapshotChange) -> None:
        raise RuntimeError(f"no room for {sorted(change.campaigns)}")

    changes: list[SnapshotChange] = []
    with Client(shop.target) as client:
        client.on_change(fail)
        client.on_change(changes.append)
        assert client.wait_ready(10)
        shop.publish(spring("e2", running("summer")))
        assert eventually(lambda: changes and "summer" in changes[-1].campaigns)

    assert client.stats().etag == "e2"
    assert "no room for ['summer']" in caplog.text

"""Through a company's proxy: by the environment or by a channel argument, encrypted or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest
from fairlift import Client, Tls

from tests.client.proxy import Proxy
from tests.client.shop import Shop, eventually, running, spring

SPAIN = {"country": "ES"}
CERTIFICATES = Path(__file__).with_name("certificates")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy, and an environment that names none."""
    for name in ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxy = Proxy()
    yield proxy
    proxy.stop()


def works(client: Client, shop: Shop) -> None:
    """Snapshots come, a change of them too, and events arrive."""
    assert client.wait_ready(10)
    shop.publish(spring("e2", running("summer")))
    assert eventually(lambda: client.stats().etag == "e2")
    assert client.assign("spring", "v", SPAIN, expose=True).is_in_campaign
    assert client.flush()
    assert len(shop.of_kind("exposure")) == 1


@pytest.mark.parametrize("name", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_proxy_of_the_environment_is_used(
    shop: Shop, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, proxy.url)
    with Client(shop.target) as client:
        works(client, shop)

    assert set(proxy.asked) == {shop.target}


def test_proxy_of_a_channel_argument_is_used(shop: Shop, proxy: Proxy) -> None:
    with Client(shop.target, channel_options=[("grpc.http_proxy", proxy.url)]) as client:
        works(client, shop)

    assert set(proxy.asked) == {shop.target}


def test_no_proxy_is_honoured(shop: Shop, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Client(shop.target) as client:
        works(client, shop)

    assert proxy.asked == []


def test_tls_goes_through_the_proxy_to_the_server_itself(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = (CERTIFICATES / "localhost.pem").read_bytes()
    key = (CERTIFICATES / "localhost.key").read_bytes()
    shop = Shop().start(grpc.ssl_server_credentials([(key, root)]))
    monkeypatch.setenv("https_proxy", proxy.url)
    try:
        with Client(f"localhost:{shop.port}", tls=Tls(root=root), token="secret") as client:
            works(client, shop)
    finally:
        shop.stop()

    assert set(proxy.asked) == {f"localhost:{shop.port}"}
    assert shop.metadata["authorization"] == "Bearer secret"


def test_proxy_that_is_gone_costs_no_answer(shop: Shop, proxy: Proxy) -> None:
    with Client(shop.target, channel_options=[("grpc.http_proxy", proxy.url)]) as client:
        assert client.wait_ready(10)
        before = client.assign("spring", "v", SPAIN)
        proxy.stop()
        assert eventually(lambda: client.stats().problem != "")

        assert client.assign("spring", "v", SPAIN).variant == before.variant
        client.close(0.1)


@pytest.mark.parametrize("decide", ["local", "server"])
def test_token_goes_to_no_other_machine_in_plain_text_unless_told(
    shop: Shop, proxy: Proxy, decide: Literal["local", "server"]
) -> None:
    """The server of that name speaks plain text, as would somebody who listens in between."""
    proxy.instead = shop.target
    options: Any = {"channel_options": [("grpc.http_proxy", proxy.url)], "decide": decide}
    with Client("shop.example:50051", token="secret", **options) as client:
        client.action("v", "newsletter")
        client.assign("spring", "v", SPAIN)
        assert eventually(lambda: "shop.example:50051" in proxy.asked)
        assert not client.flush(0.5)
        client.close(0.1)
    assert (shop.metadata, shop.streams, shop.batches) == ({}, 0, [])

    with Client("shop.example:50051", token="secret", tls=False, **options) as client:
        client.action("v", "newsletter")
        assert client.flush()
    assert shop.metadata["authorization"] == "Bearer secret"

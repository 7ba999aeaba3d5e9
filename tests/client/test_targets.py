"""Every form of a target that gRPC knows works as it is, in plain text on this machine."""

import socket
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from fairlift import Client

from tests.client.shop import Shop

# {port} is a port of 127.0.0.1, and {path} a socket in the file system.
TARGETS = [
    "127.0.0.1:{port}",
    "localhost:{port}",
    "LOCALHOST:{port}",
    "ipv4:127.0.0.1:{port}",
    # Nobody listens at the first address.
    "ipv4:127.0.0.1:1,127.0.0.1:{port}",
    "dns:localhost:{port}",
    "dns:///localhost:{port}",
    "dns:///127.0.0.1:{port}",
    "unix:{path}",
    "unix://{path}",
    "unix-abstract:fairlift-{port}",
]


@pytest.fixture
def places(shop: Shop, tmp_path: Path) -> Iterator[dict[str, object]]:
    """Where the shop listens: at a port, and at sockets of both kinds."""
    server = grpc.server(futures.ThreadPoolExecutor(24))
    shop.register(server)
    places: dict[str, object] = {"port": shop.port, "path": tmp_path / "socket"}
    server.add_insecure_port(f"unix:{tmp_path / 'socket'}")
    server.add_insecure_port(f"unix-abstract:fairlift-{shop.port}")
    server.start()
    yield places
    server.stop(None).wait(10)


@pytest.mark.parametrize("target", TARGETS)
def test_target_serves_snapshots_events_and_assignments(
    shop: Shop, places: dict[str, object], target: str
) -> None:
    with Client(target.format(**places), token="secret") as client:
        assert client.wait_ready(20), client.stats()
        client.action("v", "view")
        assert client.flush(20)
    with Client(target.format(**places), decide="server", timeout_s=20) as thin:
        assert thin.assign("spring", "v", {"country": "ES"}).is_in_campaign

    assert len(shop.of_kind("action")) == 1
    # On this machine, tokens travel in plain text too.
    assert shop.metadata["authorization"] == "Bearer secret"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("target", ["[::1]:{port}", "ipv6:[::1]:{port}"])
def test_target_may_be_an_address_of_ipv6(shop: Shop, target: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(24))
    shop.register(server)
    port = server.add_insecure_port("[::1]:0")
    server.start()
    try:
        with Client(target.format(port=port)) as client:
            assert client.wait_ready(20), client.stats()
    finally:
        server.stop(None).wait(10)

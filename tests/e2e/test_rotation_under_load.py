"""A certificate and a token are replaced while storefronts call: no call fails."""

import shutil
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from fairlift import Client, Tls
from fairlift.engine.errors import FairliftError
from fairlift.tokens import Token
from fairlift.transport import Endpoint
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest

from tests.e2e.test_server_process import PATIENCE_S, process
from tests.e2e.test_token_command import token
from tests.server.test_reload import new_certificate, presented

PEM = Path(__file__).parents[1] / "client" / "certificates"
CALLERS = 4
PER_S = 60
SETTLE_S = 1.5


class Callers:
    """Threads that ask for assignments at a pace, with the SDK's own connections."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.answered = 0
        self.failed: Counter[str] = Counter()
        self._endpoint = endpoint
        self._counting = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        connection = self._endpoint.connect()
        while not self._stop.wait(1 / PER_S):
            try:
                connection.assign(AssignVariantsRequest(visitor_id="v"), timeout_s=PATIENCE_S)
            except FairliftError as error:
                self.failed[str(error)] += 1
            else:
                with self._counting:
                    self.answered += 1
        connection.close()


def code_of(endpoint: Endpoint) -> str:
    """What a call of its own ends with."""
    connection = endpoint.connect()
    try:
        connection.assign(AssignVariantsRequest(visitor_id="v"), timeout_s=PATIENCE_S)
    except FairliftError as error:
        return type(error).__name__
    finally:
        connection.close()
    return "OK"


def rotated(folder: Path, held: Path, overlap: str) -> str:
    """A second secret of the token, in the file that storefronts read, before the first ends."""
    secret = token(folder, "rotate", "tokens/shop", "--overlap", overlap)
    replacement = held.with_suffix(".new")
    replacement.write_text(secret)
    replacement.replace(held)
    return secret


def test_a_certificate_and_a_token_are_replaced_under_load_without_a_failed_call(
    tmp_path: Path,
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no second certificate can be made")
    shutil.copy(PEM / "localhost.pem", tmp_path / "server.pem")
    shutil.copy(PEM / "localhost.key", tmp_path / "server.key")
    held = tmp_path / "storefront-token"
    read_token: Token = held.read_text
    server_settings = {
        "FAIRLIFT_TLS_CERTIFICATE": str(tmp_path / "server.pem"),
        "FAIRLIFT_TLS_KEY": str(tmp_path / "server.key"),
        # Connections are renewed all the time, so that calls go over the new certificate too.
        "FAIRLIFT_CONNECTION_AGE_S": "1",
    }
    with process(tmp_path, log=None, **server_settings) as (server, address):
        port = int(address.rpartition(":")[2])
        old = presented(port)
        token(tmp_path, "create", "--role", "admin", "--name", "Operator")
        first = token(tmp_path, "create", "--role", "storefront", "--name", "Shop")
        held.write_text(first)
        # Storefronts trust both before the server changes.
        new_certificate(tmp_path)
        trusted = Tls(root=old + b"\n" + (tmp_path / "server.pem").read_bytes())
        target = f"localhost:{port}"
        with (
            Callers(Endpoint(target, read_token, trusted, balances=True)) as callers,
            Client(target, token=read_token, tls=trusted) as client,
        ):
            assert client.wait_ready(PATIENCE_S)
            time.sleep(SETTLE_S)
            server.send_signal(signal.SIGHUP)
            end = time.monotonic() + PATIENCE_S
            while presented(port) == old:
                assert time.monotonic() < end
                time.sleep(0.1)
            time.sleep(SETTLE_S)

            second = rotated(tmp_path, held, "6s")
            time.sleep(5 + SETTLE_S)  # the first one has ended
            for number in range(50):
                client.action("v", "add_to_cart", float(number))
            assert client.flush(PATIENCE_S)
            stats = client.stats()
            of_the_first = code_of(Endpoint(target, first, trusted))

    assert callers.failed == {}
    assert callers.answered > CALLERS * PER_S
    assert (stats.accepted, stats.retries, stats.refused) == (50, 0, {})
    assert of_the_first == "Unauthenticated"
    assert first != second

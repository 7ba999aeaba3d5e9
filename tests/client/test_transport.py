"""Connections: encrypted beyond this machine, closed errors, and nothing of gRPC let through."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from fairlift import Client, OrderLine, Reason, Tls, micros
from fairlift.engine import errors
from fairlift.transport import Endpoint
from fairlift.uuid7 import uuid7
from fairlift.v1 import assignment_service_pb2 as a

from tests.client.shop import Shop, eventually

CERTIFICATES = Path(__file__).with_name("certificates")


@pytest.mark.parametrize(
    ("target", "is_encrypted"),
    [
        ("127.0.0.1:50051", False),
        ("localhost:50051", False),
        ("[::1]:50051", False),
        ("unix:/run/fairlift", False),
        ("dns:///127.0.0.1:50051", False),
        ("LOCALHOST:50051", False),
        ("dns:localhost:50051", False),
        ("ipv4:127.0.0.1:50051", False),
        ("ipv4:127.0.0.1:50051,127.0.0.2:50051", False),
        ("ipv6:[::1]:50051", False),
        ("::1", False),
        # One address elsewhere is enough to need TLS.
        ("ipv4:127.0.0.1:50051,10.0.0.1:50051", True),
        ("ipv6:[2001:db8::1]:50051", True),
        ("dns://127.0.0.1/fairlift.example:443", True),
        ("localhost.evil.example:443", True),
        ("fairlift.example:443", True),
        ("10.0.0.1:50051", True),
        ("dns:///fairlift.example:443", True),
    ],
)
def test_only_this_machine_is_spoken_to_in_plain_text(target: str, is_encrypted: bool) -> None:
    assert Endpoint(target).is_encrypted is is_encrypted
    assert Endpoint(target, tls=True).is_encrypted
    assert Endpoint(target, tls=Tls()).is_encrypted
    assert not Endpoint(target, tls=False).is_encrypted


def test_a_call_after_the_close_is_one_of_our_errors() -> None:
    connection = Endpoint("127.0.0.1:1").connect()
    connection.close()
    with pytest.raises(errors.Unavailable, match="the client was closed"):
        connection.record([], timeout_s=1.0)


def test_tls_with_a_root_of_ones_own() -> None:
    root = (CERTIFICATES / "localhost.pem").read_bytes()
    key = (CERTIFICATES / "localhost.key").read_bytes()
    shop = Shop().start(grpc.ssl_server_credentials([(key, root)]))
    try:
        with Client(shop.target, tls=Tls(root=root), token="secret") as client:
            assert client.wait_ready(10)
            assert client.assign("spring", "v", {"country": "ES"}).is_in_campaign
            assert shop.metadata["authorization"] == "Bearer secret"
        with Client(shop.target, tls=True) as stranger:
            assert not stranger.wait_ready(1)
    finally:
        shop.stop()


@pytest.mark.parametrize("token", ["secret\n", "\t secret \r\n"])
def test_token_is_sent_without_the_white_space_of_its_file(shop: Shop, token: str) -> None:
    for given in (token, lambda: token):
        with Client(shop.target, token=given) as client:
            assert client.wait_ready(10)
            assert shop.metadata.pop("authorization") == "Bearer secret"


@pytest.mark.parametrize("token", ["se\ncret", "sécret", "secret\x00", "\ud800", b"secret", 7])
def test_token_that_no_call_can_carry_is_refused(token: Any) -> None:
    with pytest.raises(ValueError, match=r"the token (holds '|is (bytes|int), must be a text)"):
        Client("127.0.0.1:1", token=token)


@pytest.mark.parametrize("failure", [OSError("no such file"), "se\ncret", b"secret"])
def test_token_function_that_fails_is_asked_again(shop: Shop, failure: Any) -> None:
    is_failing = True

    def token() -> Any:
        if is_failing and isinstance(failure, OSError):
            raise failure
        return failure if is_failing else "secret"

    # Given a token function that fails, when things happen, then all waits
    client = Client(shop.target, token=token)
    client.order("v", "o", [OrderLine("p", 1, 1)], currency="EUR")
    assert not client.flush(0.3)
    assert eventually(lambda: "the token function failed" in client.stats().problem)
    with Client(shop.target, token=token, decide="server") as thin:
        assert thin.assign("spring", "v").reason is Reason.NOT_READY
        assert thin.stats().errors == 1

    # When it works again, then all goes on
    is_failing = False
    assert client.wait_ready(10)
    client.close()
    assert len(shop.of_kind("order")) == 1
    assert shop.metadata["authorization"] == "Bearer secret"


class _Failing(Shop):
    code = grpc.StatusCode.OK
    details = "as the test wants"

    def AssignVariants(  # noqa: N802  # the contract's name
        self, request: a.AssignVariantsRequest, context: grpc.ServicerContext
    ) -> a.AssignVariantsResponse:
        del request
        context.abort(self.code, self.details)
        raise AssertionError


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, errors.Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, errors.PermissionDenied),
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidRequest),
        (grpc.StatusCode.OUT_OF_RANGE, errors.InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, errors.NotFound),
        (grpc.StatusCode.UNIMPLEMENTED, errors.Unsupported),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.Overloaded),
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.INTERNAL, errors.Unavailable),
    ],
)
def test_status_becomes_one_of_our_errors(
    code: grpc.StatusCode, error: type[errors.FairliftError]
) -> None:
    shop = _Failing()
    shop.code = code
    connection = Endpoint(shop.start().target).connect()
    try:
        with pytest.raises(error, match="as the test wants"):
            connection.assign(a.AssignVariantsRequest(), timeout_s=5)
    finally:
        connection.close()
        shop.stop()


@pytest.mark.parametrize(
    "details",
    [
        "SERVER: Received message larger than max (4194305 vs. 4194304)",
        "grpc: received message larger than max (5 vs. 4)",
        "gRPC message exceeds maximum size 4194304: 4194305",
    ],
)
def test_message_that_is_too_large_is_not_taken_for_a_busy_server(details: str) -> None:
    shop = _Failing()
    shop.code, shop.details = grpc.StatusCode.RESOURCE_EXHAUSTED, details
    connection = Endpoint(shop.start().target).connect()
    try:
        with pytest.raises(errors.InvalidRequest, match="4"):
            connection.assign(a.AssignVariantsRequest(), timeout_s=5)
    finally:
        connection.close()
        shop.stop()


def test_event_ids_are_uuids_that_grow_with_time() -> None:
    now_ms = time.time_ns() // 1_000_000
    ids = [uuid7(now_ms + i) for i in range(1_000)]

    assert ids == sorted(set(ids))
    assert {(UUID(each).version, UUID(each).variant) for each in ids} == {
        (7, "specified in RFC 4122")
    }
    assert UUID(ids[0]).int >> 80 == now_ms
    assert abs((UUID(uuid7()).int >> 80) - now_ms) < 60_000


@pytest.mark.parametrize(
    ("amount", "expected"), [("49.90", 49_900_000), (3, 3_000_000), ("-0.000001", -1)]
)
def test_money_becomes_micros_exactly(amount: str | int, expected: int) -> None:
    assert micros(amount) == expected


@pytest.mark.parametrize("amount", [49.9, "0.0000001"])
def test_money_that_micros_cannot_hold_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"float|six decimals"):
        micros(amount)


def test_engine_alone_imports_no_grpc_and_the_client_nothing_heavy() -> None:
    code = (
        "import sys; import fairlift.engine.decision, fairlift_cli.audience.simplify;"
        "assert not {'grpc', 'google'} & set(sys.modules), 'engine';"
        "from fairlift import Client;"
        "heavy = {'numpy', 'scipy', 'sqlalchemy', 'yaml', 'pydantic', 'click', 'rich'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_package_names_what_it_offers() -> None:
    import fairlift

    assert set(dir(fairlift)) == set(fairlift.__all__)
    assert all(getattr(fairlift, name) is not None for name in fairlift.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Cleint'"):
        fairlift.Cleint  # noqa: B018

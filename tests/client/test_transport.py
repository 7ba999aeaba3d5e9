"""Connections: encrypted beyond this machine, closed errors, and nothing of gRPC let through."""

import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from fairlift import Client, Tls, micros
from fairlift.engine import errors
from fairlift.transport import Endpoint
from fairlift.uuid7 import uuid7
from fairlift.v1 import assignment_service_pb2 as a

from tests.client.shop import Shop

CERTIFICATES = Path(__file__).with_name("certificates")


@pytest.mark.parametrize(
    ("target", "is_encrypted"),
    [
        ("127.0.0.1:50051", False),
        ("localhost:50051", False),
        ("[::1]:50051", False),
        ("unix:/run/fairlift", False),
        ("dns:///127.0.0.1:50051", False),
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


class _Failing(Shop):
    code = grpc.StatusCode.OK

    def AssignVariants(  # noqa: N802  # the contract's name
        self, request: a.AssignVariantsRequest, context: grpc.ServicerContext
    ) -> a.AssignVariantsResponse:
        del request
        context.abort(self.code, "as the test wants")
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
        "import sys; import fairlift.engine.decision, fairlift.engine.audience_simplify;"
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

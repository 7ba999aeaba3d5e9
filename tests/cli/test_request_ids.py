"""An error that no command expects names the request, so that the server's log can be searched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from fairlift_cli.failures import CommandRefused
from fairlift_cli.server_connection import Target, connected


class Failing(grpc.GenericRpcHandler):
    """Ends every call with one code; keeps the ids that it was sent."""

    def __init__(self) -> None:
        self.code = grpc.StatusCode.INTERNAL
        self.ids: list[str] = []

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        self.ids.append(str(dict(details.invocation_metadata or ())["x-request-id"]))

        def fail(_request: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(self.code, "it broke")
            raise AssertionError("abort raises")

        return grpc.unary_unary_rpc_method_handler(fail)


@pytest.fixture
def failing() -> Iterator[tuple[Failing, Target]]:
    server, handler = grpc.server(ThreadPoolExecutor(1)), Failing()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, Target(f"127.0.0.1:{port}")
    server.stop(None)


def _message(target: Target) -> str:
    with connected(target) as server, pytest.raises(CommandRefused) as caught:
        server.call(server.campaigns.GetCampaign, GetCampaignRequest(name="campaigns/a"))
    return str(caught.value)


def test_an_unexpected_error_names_the_request(failing: tuple[Failing, Target]) -> None:
    handler, target = failing
    text = _message(target)
    assert text == f"it broke (request {handler.ids[-1]}: the server's log says more)"
    assert len(handler.ids[-1]) == 16


def test_a_refusal_explains_itself(failing: tuple[Failing, Target]) -> None:
    handler, target = failing
    handler.code = grpc.StatusCode.FAILED_PRECONDITION
    assert _message(target) == "it broke"

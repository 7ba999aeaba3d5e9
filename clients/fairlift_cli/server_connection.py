"""The connection to a Fairlift server. No other module of the CLI uses gRPC."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import grpc
from fairlift.transport import Endpoint
from fairlift.v1.campaign_service_pb2 import ListCampaignsRequest, ListCampaignsResponse
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.results_service_pb2 import (
    ListLooksRequest,
    ListLooksResponse,
    ListReportsRequest,
    ListReportsResponse,
)
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from google.protobuf.message import Message

from fairlift_cli.failures import CommandRefused, Unreachable
from fairlift_cli.text import clean

_TIMEOUT_S = 60.0
_PAGE = 200
# The first look of a large shop takes minutes.
RESULTS_TIMEOUT_S = 1_800.0
_CAMPAIGNS = "campaigns/"
_HINTS = {
    grpc.StatusCode.UNAUTHENTICATED: "; give a token with --token or FAIRLIFT_TOKEN",
    grpc.StatusCode.PERMISSION_DENIED: "; the role of this token does not allow it",
    grpc.StatusCode.NOT_FOUND: "; `fairlift campaigns --all` lists what exists",
    grpc.StatusCode.UNIMPLEMENTED: "; this server is older than this command",
}

Response = TypeVar("Response", bound=Message)
Page = TypeVar("Page", ListCampaignsResponse, ListLooksResponse, ListReportsResponse)
ListRequest: TypeAlias = ListCampaignsRequest | ListLooksRequest | ListReportsRequest


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a server, the token, and the kind of connection.

    As in the SDK, connections to other machines use TLS, unless `plaintext` is set;
    `root` is a certificate in PEM to trust in place of the system's.
    """

    address: str
    token: str = ""
    plaintext: bool = False
    root: bytes | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def connect(self) -> grpc.Channel:
        """A channel to the server; it connects at the first call."""
        if self.plaintext or not Endpoint(self.address).is_encrypted:
            return grpc.insecure_channel(self.address)
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(self.root))


class ServerConnection:
    """The services of a server, and `call`, which turns gRPC errors into failures."""

    def __init__(self, target: Target, channel: grpc.Channel) -> None:
        self._target = target
        self.campaigns: CampaignServiceStub = CampaignServiceStub(channel)
        self.results: ResultsServiceStub = ResultsServiceStub(channel)

    def call(
        self, method: Callable[..., Response], request: Message, *, timeout_s: float = _TIMEOUT_S
    ) -> Response:
        """The response.

        Raises:
            Unreachable: no server answers at the address, or not within `timeout_s`.
            CommandRefused: the server refuses the call.
        """
        try:
            return method(request, timeout=timeout_s, metadata=self._target.metadata)
        except grpc.RpcError as error:
            # What a stub raises is a Call too; the type stubs hold the two apart.
            call = cast("grpc.Call", error)
            raise _failure(call, self._target, timeout_s) from None

    def pages(self, method: Callable[..., Page], request: ListRequest) -> Iterator[Page]:
        """All pages of a list, the first one first.

        Raises:
            Unreachable, CommandRefused: as in `call`.
        """
        request.page_size = _PAGE
        while True:
            page = self.call(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


@contextlib.contextmanager
def connected(target: Target) -> Iterator[ServerConnection]:
    """A connection to the server; the first call shows whether it can be reached."""
    with target.connect() as channel:
        yield ServerConnection(target, channel)


def full_name(campaign: str) -> str:
    """The name campaigns/{id}, from an id or from the name itself."""
    return campaign if campaign.startswith(_CAMPAIGNS) else _CAMPAIGNS + campaign


def _failure(call: grpc.Call, target: Target, timeout_s: float) -> CommandRefused | Unreachable:
    code, details = call.code(), clean(call.details() or "")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unreachable(
            f"the server at {target.address} did not answer within {timeout_s:g} s; "
            "it may be busy: try again"
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unreachable(
            f"no Fairlift server answers at {target.address} ({details}); "
            "is it running? Set its address with --server or FAIRLIFT_SERVER"
        )
    hint = _HINTS.get(code, "")
    if code is grpc.StatusCode.UNAUTHENTICATED and target.token:
        hint = "; the token that was given with --token or FAIRLIFT_TOKEN is not accepted"
    return CommandRefused(f"{details or code.name}{hint}", code=code.name)

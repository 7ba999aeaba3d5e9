"""Calls to a Fairlift server, with every failure in words."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import grpc
from fairlift.transport import Endpoint
from fairlift.v1.campaign_service_pb2_grpc import CampaignServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from google.protobuf.message import Message

from fairlift_cli.failures import Refused, Unreachable
from fairlift_cli.text import clean

_TIMEOUT_S = 60.0
_CAMPAIGNS = "campaigns/"
_NOT_THERE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
_HINTS = {
    grpc.StatusCode.UNAUTHENTICATED: "; give a token with --token or FAIRLIFT_TOKEN",
    grpc.StatusCode.PERMISSION_DENIED: "; the role of this token does not allow it",
    grpc.StatusCode.NOT_FOUND: "; `fairlift campaigns --all` lists what exists",
    grpc.StatusCode.UNIMPLEMENTED: "; this server is older than this command",
}

Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True, slots=True)
class Target:
    """Which server, the token to show it, and how it is spoken to.

    As in the SDK, all but this machine is spoken to by TLS, unless `plaintext` says otherwise;
    `root` is a certificate in PEM to trust in place of the system's.
    """

    address: str
    token: str = ""
    plaintext: bool = False
    root: bytes | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def connect(self) -> grpc.Channel:
        """A channel to the server, which is made when it is first needed."""
        if self.plaintext or not Endpoint(self.address).is_encrypted:
            return grpc.insecure_channel(self.address)
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(self.root))


class Server:
    """A connected server: its services, and `call`, which turns failures into words."""

    def __init__(self, target: Target, channel: grpc.Channel) -> None:
        self._target = target
        self.campaigns: CampaignServiceStub = CampaignServiceStub(channel)
        self.results: ResultsServiceStub = ResultsServiceStub(channel)

    def call(self, method: Callable[..., Response], request: Message) -> Response:
        """The answer.

        Raises:
            Unreachable: nobody answers at the address.
            Refused: the server says no.
        """
        try:
            return method(request, timeout=_TIMEOUT_S, metadata=self._target.metadata)
        except grpc.RpcError as error:
            # What a stub raises is a Call too; the type stubs hold the two apart.
            call = cast("grpc.Call", error)
            raise _failure(call, self._target.address) from None


@contextlib.contextmanager
def connected(target: Target) -> Iterator[Server]:
    """A server to call; the first call shows whether it is there."""
    with target.connect() as channel:
        yield Server(target, channel)


def full_name(campaign: str) -> str:
    """campaigns/{id}, of an id or of the full name."""
    return campaign if campaign.startswith(_CAMPAIGNS) else _CAMPAIGNS + campaign


def is_not_found(refusal: Refused) -> bool:
    """Whether the server said that there is no such thing."""
    return refusal.code == grpc.StatusCode.NOT_FOUND.name


def _failure(call: grpc.Call, address: str) -> Refused | Unreachable:
    code, details = call.code(), clean(call.details() or "")
    if code in _NOT_THERE:
        return Unreachable(
            f"no Fairlift server answers at {address} ({details}); "
            "is it running? Set its address with --server or FAIRLIFT_SERVER"
        )
    return Refused(f"{details or code.name}{_HINTS.get(code, '')}", code=code.name)

"""The connection to a Fairlift server. No other module of the CLI uses gRPC."""

import contextlib
import getpass
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, TypeVar, cast

import grpc
from fairlift.channel_options import Options
from fairlift.tls_faults import TlsFault, tls_fault
from fairlift.transport import Endpoint, new_request_id
from fairlift.v1.admin_service_pb2 import ListAuditRequest, ListAuditResponse
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub
from fairlift.v1.campaign_service_pb2 import (
    ListCampaignsRequest,
    ListCampaignsResponse,
    ListChangesRequest,
    ListChangesResponse,
)
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
_STATUS_DETAILS = "grpc-status-details-bin"
# The first look of a large shop takes minutes.
RESULTS_TIMEOUT_S = 1_800.0
_CAMPAIGNS = "campaigns/"
_HINTS = {
    grpc.StatusCode.UNAUTHENTICATED: "; give a token with --token or FAIRLIFT_TOKEN",
    grpc.StatusCode.NOT_FOUND: "; `fairlift campaigns --all` lists what exists",
    grpc.StatusCode.UNIMPLEMENTED: "; this server is older than this command",
}
_TLS_WAYS_OUT = {
    TlsFault.SERVER_HAS_NONE: "leave out --ca, or use --plaintext inside your own network",
    TlsFault.UNKNOWN_CERTIFICATE: "give its certificate, or that of its CA, with --ca FILE",
    TlsFault.OTHER_NAME: "call it by the name in its certificate",
    TlsFault.ENDED: "it needs a new one",
    TlsFault.SERVER_MAY_HAVE_IT: "give its certificate, or that of its CA, with --ca FILE, and "
    "leave out --plaintext",
}
# Errors of a server, or of what stands before it.
_UNEXPECTED = frozenset(
    {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
)

Response = TypeVar("Response", bound=Message)
Page = TypeVar(
    "Page",
    ListAuditResponse,
    ListCampaignsResponse,
    ListChangesResponse,
    ListLooksResponse,
    ListReportsResponse,
)
ListRequest: TypeAlias = (
    ListAuditRequest
    | ListCampaignsRequest
    | ListChangesRequest
    | ListLooksRequest
    | ListReportsRequest
)


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a server, the token, and the kind of connection.

    As in the SDK, connections to other machines use TLS, unless `plaintext` is set;
    `root` is a certificate in PEM to trust in place of the system's, and says that a server of
    this machine uses TLS too. A server of another
    `environment` refuses every call; empty: none was chosen.
    """

    address: str
    token: str = ""
    plaintext: bool = False
    root: bytes | None = None
    environment: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of every call: the token, who runs the command, and the environment."""
        values = {
            "authorization": f"Bearer {self.token}" if self.token else "",
            "fairlift-user": _user(),
            "fairlift-environment": self.environment,
        }
        return tuple((name, value) for name, value in values.items() if value)

    @property
    def is_encrypted(self) -> bool:
        """Whether it is called by TLS."""
        needs_tls = self.root is not None or Endpoint(self.address).is_encrypted
        return needs_tls and not self.plaintext

    def connect(self, options: Options = ()) -> grpc.Channel:
        """A channel to the server; it connects at the first call."""
        if not self.is_encrypted:
            return grpc.insecure_channel(self.address, options)
        credentials = grpc.ssl_channel_credentials(self.root)
        return grpc.secure_channel(self.address, credentials, options)


class ServerConnection:
    """The services of a server, and `call`, which turns gRPC errors into failures."""

    def __init__(self, target: Target, channel: grpc.Channel) -> None:
        self._target = target
        self.campaigns: CampaignServiceStub = CampaignServiceStub(channel)
        self.results: ResultsServiceStub = ResultsServiceStub(channel)
        self.admin: AdminServiceStub = AdminServiceStub(channel)

    def call(
        self, method: Callable[..., Response], request: Message, *, timeout_s: float = _TIMEOUT_S
    ) -> Response:
        """The response.

        Raises:
            Unreachable: no server answers at the address, or not within `timeout_s`.
            CommandRefused: the server refuses the call.
        """
        request_id = new_request_id()
        metadata = (*self._target.metadata, ("x-request-id", request_id))
        try:
            return method(request, timeout=timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            # What a stub raises is a Call too; the type stubs hold the two apart.
            call = cast("grpc.Call", error)
            raise _failure(call, self._target, timeout_s, request_id) from None

    def watch(self, method: Callable[..., object], request: Message) -> "ServerStream":
        """The messages of a stream that has no end, to be read in a thread of its own."""
        return ServerStream(
            cast("grpc.Call", method(request, metadata=self._target.metadata)), self._target
        )

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


class ServerStream:
    """The messages that a server sends one after the other."""

    def __init__(self, call: grpc.Call, target: Target) -> None:
        self._call = call
        self._target = target

    def __iter__(self) -> Iterator[Message]:
        """The messages as they come; ends when the server ends the stream, or after `cancel`.

        Raises:
            Unreachable, CommandRefused: as in `ServerConnection.call`.
        """
        try:
            # What a stub of a stream gives is a call and an iterator; its type says the former.
            yield from cast("Iterator[Message]", self._call)
        except grpc.RpcError as error:
            call = cast("grpc.Call", error)
            if call.code() is not grpc.StatusCode.CANCELLED:
                raise _failure(call, self._target, _TIMEOUT_S) from None

    def cancel(self) -> None:
        """Ends the stream, from any thread."""
        self._call.cancel()


@contextlib.contextmanager
def connected(target: Target, *, options: Options = ()) -> Iterator[ServerConnection]:
    """A connection to the server; the first call shows whether it can be reached."""
    with target.connect(options) as channel:
        yield ServerConnection(target, channel)


@cache
def _user() -> str:
    """The user of this machine, as far as a header can carry the name; empty: it has none."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""
    return "".join(character for character in name if "!" <= character <= "~")


def full_name(campaign: str) -> str:
    """The name campaigns/{id}, from an id or from the name itself."""
    return campaign if campaign.startswith(_CAMPAIGNS) else _CAMPAIGNS + campaign


def _failure(
    call: grpc.Call, target: Target, timeout_s: float, request_id: str = ""
) -> CommandRefused | Unreachable:
    code, details = call.code(), clean(call.details() or "")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unreachable(
            f"the server at {target.address} did not answer within {timeout_s:g} s; "
            "it may be busy: try again"
        )
    if code is grpc.StatusCode.UNAVAILABLE and _is_answer(call):
        return Unreachable(f"the server at {target.address} cannot answer now: {details}")
    if code is grpc.StatusCode.UNAVAILABLE:
        fault = tls_fault(details, is_encrypted=target.is_encrypted)
        way_out = "is it running? Set its address with --server or FAIRLIFT_SERVER"
        if fault is not None:
            way_out = f"{fault.value}: {_TLS_WAYS_OUT[fault]}"
        return Unreachable(f"no Fairlift server answers at {target.address} ({details}); {way_out}")
    hint = _HINTS.get(code, "")
    if code is grpc.StatusCode.UNAUTHENTICATED and target.token:
        hint = "; the token that was given with --token or FAIRLIFT_TOKEN is not accepted"
    if code is grpc.StatusCode.PERMISSION_DENIED and "environment" in details:
        hint = (
            f"; {target.address} was called for {target.environment}, and is not the server whose "
            f"FAIRLIFT_ENVIRONMENT is {target.environment}"
        )
    message = f"{details or code.name}{hint}"
    if code in _UNEXPECTED and request_id and request_id not in message:
        message += f" (request {request_id}: the server's log says more)"
    return CommandRefused(message, code=code.name, violations=_violations(call))


def _is_answer(call: grpc.Call) -> bool:
    """Whether a Fairlift server said it; else gRPC says it of a server that it cannot reach."""
    return any(key == _STATUS_DETAILS for key, _ in call.trailing_metadata() or ())


def _violations(call: grpc.Call) -> list[tuple[str, str]]:
    """The fields that the server refuses, from the details of the status."""
    from google.protobuf.message import DecodeError
    from google.rpc.error_details_pb2 import BadRequest
    from google.rpc.status_pb2 import Status

    found: list[tuple[str, str]] = []
    for key, value in call.trailing_metadata() or ():
        if key != _STATUS_DETAILS or not isinstance(value, bytes):
            continue
        try:
            for detail in Status.FromString(value).details:
                refused = BadRequest()
                if detail.Unpack(refused):
                    found += ((v.field, clean(v.description)) for v in refused.field_violations)
        except DecodeError:
            return []  # from a proxy; the message alone has to do
    return found

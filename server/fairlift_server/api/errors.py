"""Maps Fairlift's errors to gRPC statuses; no other module names a status code."""

import asyncio
import re
from typing import NoReturn, TypeAlias

import grpc
from fairlift.engine.errors import (
    AlreadyExists,
    ChangeRefused,
    Conflict,
    FairliftError,
    Invalid,
    InvalidAudience,
    InvalidCampaign,
    InvalidEvent,
    InvalidRequest,
    NeedsNewEpoch,
    NotAllowed,
    NotFound,
    Overloaded,
    PermissionDenied,
    StaleEtag,
    Unauthenticated,
    Unavailable,
    Unsupported,
    WrongState,
)
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from fairlift_server.request_ids import HEADER

DOMAIN = "fairlift"
# Clients refuse trailing metadata above 8 KiB: the call fails, and the error is lost.
_MESSAGE_CHARACTERS = 1_000
_VIOLATION_BYTES = 4_000

# Code, text and trailing metadata.
Refusal: TypeAlias = tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]

STATUS: dict[type[FairliftError], grpc.StatusCode] = {
    FairliftError: grpc.StatusCode.INTERNAL,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidAudience: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidCampaign: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidEvent: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    StaleEtag: grpc.StatusCode.ABORTED,
    WrongState: grpc.StatusCode.FAILED_PRECONDITION,
    ChangeRefused: grpc.StatusCode.FAILED_PRECONDITION,
    NeedsNewEpoch: grpc.StatusCode.FAILED_PRECONDITION,
    NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Unsupported: grpc.StatusCode.UNIMPLEMENTED,
}


def reason(error: FairliftError) -> str:
    """The stable name of the error for programs, such as STALE_ETAG."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).upper()


def status_of(error: FairliftError, *, request_id: str = "") -> Status:
    """The error as a google.rpc.Status with details."""
    code = STATUS[type(error)]
    info = ErrorInfo(reason=reason(error), domain=DOMAIN)
    if request_id:
        info.metadata["request_id"] = request_id
    details: list[Message] = [info]
    if isinstance(error, Invalid):
        details.append(_bad_request(error))
    retry_after_s = _retry_after_s(error)
    if retry_after_s is not None:
        wait = Duration()
        wait.FromNanoseconds(int(retry_after_s * 1e9))
        details.append(RetryInfo(retry_delay=wait))
    status = Status(code=code.value[0], message=_shortened(str(error)))
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def refusal(error: FairliftError, *, request_id: str = "") -> Refusal:
    """The error as `context.abort` takes it."""
    status = status_of(error, request_id=request_id)
    trailing: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status.SerializeToString())
    ]
    if request_id:
        trailing.append((HEADER, request_id))
    if _retry_after_s(error) is not None:
        # -1: generic clients must not retry at once, because that adds to the overload.
        trailing.append(("grpc-retry-pushback-ms", b"-1"))
    return STATUS[type(error)], status.message, tuple(trailing)


async def abort(
    context: "grpc.aio.ServicerContext[Message, Message]",
    error: FairliftError,
    *,
    request_id: str = "",
) -> NoReturn:
    """Ends the call with the error."""
    await end(context, refusal(error, request_id=request_id))


async def end(context: "grpc.aio.ServicerContext[Message, Message]", answer: Refusal) -> NoReturn:
    """Ends the call.

    Raises:
        grpc.aio.AbortError: always, as gRPC wants it.
        asyncio.CancelledError: the caller has gone away, so that the answer could not be sent.
    """
    try:
        await context.abort(*answer)
    except grpc.aio.InternalError:
        raise asyncio.CancelledError from None


def _retry_after_s(error: FairliftError) -> float | None:
    """After how many seconds the same call may pass; None: at once, at another server."""
    return error.retry_after_s if isinstance(error, Overloaded | Unavailable) else None


def _bad_request(error: Invalid) -> BadRequest:
    message = BadRequest()
    for index, violation in enumerate(error.violations):
        if message.ByteSize() > _VIOLATION_BYTES:
            remaining = len(error.violations) - index
            message.field_violations.add(description=f"and {remaining} more")
            break
        message.field_violations.add(
            field=violation.field, description=_shortened(violation.message)
        )
    return message


def _shortened(text: str) -> str:
    if len(text) <= _MESSAGE_CHARACTERS:
        return text
    return f"{text[: _MESSAGE_CHARACTERS - 1]}…"

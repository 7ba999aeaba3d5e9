"""When a server that refused a call wants it again (google.rpc.RetryInfo)."""

from collections.abc import Iterable, Iterator

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

_DETAILS_KEY = "grpc-status-details-bin"
_TYPE = "google.rpc.RetryInfo"
# Fields of google.rpc.Status and google.rpc.RetryInfo, whose package a storefront does not install.
_STATUS_DETAILS = 3
_RETRY_DELAY = 1


def retry_after_s(trailing: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Seconds after which a failed call may be repeated; None: the server did not say.

    Args:
        trailing: the call's trailing metadata.
    """
    for key, value in trailing:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return _retry_delay_s(value)
            except DecodeError:  # of a proxy, perhaps
                return None
    return None


def _retry_delay_s(status: bytes) -> float | None:
    for detail in map(AnyMessage.FromString, _fields(status, _STATUS_DETAILS)):
        if detail.TypeName() == _TYPE:
            for delay in map(Duration.FromString, _fields(detail.value, _RETRY_DELAY)):
                return delay.ToMilliseconds() / 1e3
    return None


def _fields(message: bytes, number: int) -> Iterator[bytes]:
    """The encoded messages in one field of a message whose type is not known here."""
    unknown = UnknownFieldSet(Empty.FromString(message))
    for field in map(unknown.__getitem__, range(len(unknown))):
        if field.field_number == number and isinstance(field.data, bytes):
            yield field.data

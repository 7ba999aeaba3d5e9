"""Reads the requests of a method from their bytes, within its limit."""

from collections.abc import Callable

from fairlift.engine.errors import InvalidRequest, Violation
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from fairlift_server.api.request_parts import TooManyParts, check_parts

MAX_BYTES = 4 * 1024 * 1024
# Few methods carry campaigns or many events; no other request comes near this.
_MAX_SMALL_BYTES = 1024 * 1024
_LARGE_REQUESTS = frozenset(
    {
        "/fairlift.v1.EventService/RecordEvents",
        "/fairlift.v1.EventService/StreamEvents",
        "/fairlift.v1.CampaignService/CreateCampaign",
        "/fairlift.v1.CampaignService/UpdateCampaign",
        "/fairlift.v1.CampaignService/BatchUpdateCampaigns",
        "/fairlift.v1.CampaignService/PlanChange",
    }
)


class RequestParser:
    """Reads the requests of one method from their bytes, within its limit."""

    def __init__(self, method: str, parse: Callable[[bytes], Message]) -> None:
        self._method = method
        self._parse = parse
        # The generated parser is a method of its message's class.
        self._type: Descriptor | None = getattr(
            getattr(parse, "__self__", None), "DESCRIPTOR", None
        )
        self._max_bytes = MAX_BYTES if method in _LARGE_REQUESTS else _MAX_SMALL_BYTES

    def message(self, data: bytes) -> Message:
        """The request.

        Raises:
            InvalidRequest: it is too large, has too many parts, or is no message of this method.
        """
        if len(data) > self._max_bytes:
            text = f"has {len(data)} bytes, {self._method} takes at most {self._max_bytes}"
            raise InvalidRequest([Violation("request", text)])
        try:
            if self._type is not None:
                check_parts(data, self._type)
            return self._parse(data)
        except TooManyParts as error:
            text = f"{error}; send what it holds in several requests"
            raise InvalidRequest([Violation("request", text)]) from None
        except DecodeError:
            text = "cannot be read as a message of this method; use the contract of this server"
            raise InvalidRequest([Violation("request", text)]) from None

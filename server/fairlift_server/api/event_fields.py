"""Checks of single fields that all kinds of events share."""

import re
from hashlib import blake2b

from fairlift.engine.campaign import CONTROL_CHARACTER, MAX_UNIT, is_identifier
from fairlift.v1 import event_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from fairlift_server.api.request_parts import fields_in
from fairlift_server.events.ledger import MAX_AMOUNT_MICROS, RefusalReason, RefusedEvent

_MAX_TIME_S = 253_402_300_799
_MAX_NANOS = 999_999_999
_CURRENCY = re.compile("[A-Z]{3}")
_COLLECTION = "campaigns/"
# A copy takes less time than another one.
_NOTHING_HASHED = blake2b(digest_size=8)


class EventRefusal(Exception):
    """Ends the reading of an event; `EventReader` returns what it carries."""

    def __init__(
        self, reason: RefusalReason, field: str, message: str, *, waits_for: str = ""
    ) -> None:
        self.event = RefusedEvent(reason, message, field, waits_for)

    def under(self, where: str) -> "EventRefusal":
        """The same refusal of a field that stands in another one.

        So a reader names its fields without their place: to build names for each event takes time.
        """
        field = f"{where}.{self.event.field}"
        return EventRefusal(
            self.event.reason, field, self.event.message, waits_for=self.event.waits_for
        )


def event_id_from(text: str) -> bytes:
    """The 16 bytes of an event id."""
    # Half the time of a regular expression: 32 digits, for a blank among them would be skipped, and
    # the four hyphens where they belong.
    digits = text.replace("-", "")
    if len(text) == 36 and len(digits) == 32 and text[8:24:5] == "----":
        try:
            event_id = bytes.fromhex(digits)
        except ValueError:
            event_id = b""
        if len(event_id) == 16:
            return event_id
    rule = "must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057, best of version 7"
    raise invalid("event_id", f"is {shortened(text)}, {rule}")


def campaign_id_from(field: str, name: str) -> str:
    """The id in a name such as campaigns/free-shipping."""
    if not name.startswith(_COLLECTION):
        raise invalid(field, f"is {shortened(name)}, must be campaigns/ and the campaign's id")
    return name[len(_COLLECTION) :]


def unknown_campaign(field: str, campaign: str) -> EventRefusal:
    """A refusal that heals when the campaign is started; not where no campaign can have the id."""
    text = f"campaign {shortened(campaign)} does not exist; create and start it first"
    wait = campaign_key(campaign) if is_identifier(campaign) else ""
    return EventRefusal(RefusalReason.UNKNOWN_CAMPAIGN, field, text, waits_for=wait)


def campaign_key(campaign: str, epoch: int = 0) -> str:
    """What an event of a campaign, or of an epoch, that the server does not have yet waits for."""
    return f"{_COLLECTION}{campaign}/{epoch}"


def campaign_and_epoch(key: str) -> tuple[str, int] | None:
    """The reverse of `campaign_key`; None where an event waits for something else."""
    if not key.startswith(_COLLECTION):
        return None
    campaign, _, epoch = key[len(_COLLECTION) :].partition("/")
    return campaign, int(epoch)


def refuse_unsupported(field: str, what: str) -> None:
    """Refuses what the contract has and this server does not act on yet."""
    raise invalid(field, f"{what} not supported by this server version; leave it out")


def checked_text(field: str, text: str, *, min_length: int = 1) -> str:
    """The text, if its length is allowed and it holds no control characters."""
    if not min_length <= len(text) <= MAX_UNIT:
        raise invalid(
            field,
            f"has {len(text)} characters, must have {min_length} to {MAX_UNIT}; hash longer ids",
        )
    if not text.isprintable() and (control := CONTROL_CHARACTER.search(text)):
        raise invalid(field, f"contains the control character {control[0]!r}; remove it")
    return text


def is_text(text: str) -> bool:
    """Whether `checked_text` lets a text pass."""
    if not 1 <= len(text) <= MAX_UNIT:
        return False
    return text.isprintable() or CONTROL_CHARACTER.search(text) is None


def microseconds_of(field: str, time: Timestamp) -> int:
    """Microseconds since 1970."""
    seconds: int = time.seconds
    nanos: int = time.nanos
    # The end of the year 9999, and as long before 1970.
    if not -_MAX_TIME_S <= seconds <= _MAX_TIME_S:
        raise invalid(field, f"is {seconds} s from 1970, must be before the year 10000")
    if not 0 <= nanos <= _MAX_NANOS:
        raise invalid(field, f"has nanos {nanos}, must have 0 to {_MAX_NANOS}")
    return seconds * 1_000_000 + nanos // 1_000


def checked_currency(field: str, code: str) -> str:
    """The code, if it has the form of an ISO 4217 code."""
    if not _CURRENCY.fullmatch(code):
        raise invalid(field, f"is {shortened(code)}, must be an ISO 4217 code such as EUR")
    return code


def checked_amount(field: str, micros: int) -> int:
    """The amount, if it is not negative and not above the ledger's limit."""
    if not 0 <= micros <= MAX_AMOUNT_MICROS:
        text = f"is {micros} micros, must be 0 to {MAX_AMOUNT_MICROS}"
        if micros < 0:
            text += "; record a refund or a discount, not a negative amount"
        raise invalid(field, text)
    return micros


def shortened(text: str) -> str:
    """The text in quotes, cut to 40 characters: for error messages."""
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def invalid(field: str, message: str) -> EventRefusal:
    """A refusal of an event that breaks a rule by itself."""
    return EventRefusal(RefusalReason.INVALID, field, message)


def event_content(message: pb.Event) -> bytes:
    """The event in one form: the case of its id means nothing (RFC 9562, 4)."""
    event_id = message.event_id
    if event_id.lower() == event_id:
        return message.SerializeToString(deterministic=True)
    copy = pb.Event()
    copy.CopyFrom(message)
    copy.event_id = event_id.lower()
    return content_of(copy)


def contents_of(request: pb.RecordEventsRequest | pb.StreamEventsRequest) -> list[bytes]:
    """`event_content` of each event, apart from the case of its id, in half of the time."""
    content = request.SerializeToString(deterministic=True)
    events: int = request.DESCRIPTOR.fields_by_name["events"].number
    return [
        content[first:last]
        for number, first, last in fields_in(content, 0, len(content))
        if number == events
    ]


def content_of(message: pb.Event | pb.Order) -> bytes:
    """The message in one form, whoever sent it."""
    return message.SerializeToString(deterministic=True)


def digest(content: bytes) -> bytes:
    """A hash of the content, by which the same event is recognised when it is sent again."""
    hashed = _NOTHING_HASHED.copy()
    hashed.update(content)
    return hashed.digest()

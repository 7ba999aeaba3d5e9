"""Counts ids that look like an e-mail address or a phone number: they name a person."""

import logging
import re
import time
from collections.abc import Callable

log = logging.getLogger("fairlift.events")

EVERY_S = 300.0
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
# International, or national with one leading zero. Plain numbers are what shops number by.
_PHONE = re.compile(r"(?:\+|00)[1-9](?:[ ./()-]{0,2}\d){7,14}|\(?0[1-9](?:[ ./()-]{0,2}\d){7,9}")


class PersonalIds:
    """Counts ids, and says in the log that some name a person: never which.

    Args:
        is_keyed: whether ids are stored as keyed hashes.
        now: a clock in seconds that never goes back.

    Attributes:
        like_addresses: so far; one that is seen again after many others counts again.
    """

    def __init__(self, *, is_keyed: bool, now: Callable[[], float] = time.monotonic) -> None:
        self.is_keyed = is_keyed
        self._now = now
        self.like_addresses = 0
        self._next_line_s = -EVERY_S

    def look_at(self, unit: str) -> None:
        """Counts an id, if it looks like an e-mail address or a phone number."""
        if looks_personal(unit):
            self.like_addresses += 1
            self._log()

    def _log(self) -> None:
        now = self._now()
        if now < self._next_line_s:
            return
        self._next_line_s = now + EVERY_S
        level = logging.INFO if self.is_keyed else logging.WARNING
        fields = {"ids": self.like_addresses, "stored_as": "keyed" if self.is_keyed else "raw"}
        text = "ids look like e-mail addresses or phone numbers; send ids that name no person"
        log.log(level, text, extra={"fields": fields})


def looks_personal(unit: str) -> bool:
    """Whether an id looks like an e-mail address or a phone number.

    >>> looks_personal("ana@example.com"), looks_personal("+40 721 123 456")
    (True, True)
    >>> looks_personal("visitor-17"), looks_personal("1234567890")
    (False, False)
    """
    if "@" in unit:
        return _EMAIL.fullmatch(unit) is not None
    return unit[:1] in "+0(" and _PHONE.fullmatch(unit) is not None

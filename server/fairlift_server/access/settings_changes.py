"""Changes what administrators set while servers run, with an entry in the history."""

import math
import re
import secrets
from collections.abc import Iterator
from dataclasses import replace

from fairlift.engine.change import FieldChange
from fairlift.engine.errors import InvalidRequest, StaleEtag, Violation

from fairlift_server.access.exposure_tokens import KEY_DELAY_S, LIFETIME_S
from fairlift_server.events.ledger import MAX_AMOUNT_MICROS
from fairlift_server.events.retention_days import RETENTION_RULE, may_retain
from fairlift_server.store.database import Transaction
from fairlift_server.store.exposure_keys import add_exposure_key, exposure_keys
from fairlift_server.store.history import Author, add_entry, changed_field
from fairlift_server.store.locks import lock_history
from fairlift_server.store.shop_settings import (
    ExposureTokenUse,
    ShopSettings,
    put_shop_settings,
    shop_settings,
)

_ACTION = re.compile("[a-z][a-z0-9_]{0,62}")
_MOST_ACTIONS = 100
_FIELDS = (
    "retention_days",
    "exposure_tokens",
    "largest_order_micros",
    "largest_action_values",
)


def change_settings(
    transaction: Transaction,
    wanted: ShopSettings,
    *,
    time_us: int,
    author: Author,
    reason: str = "",
    new_exposure_key: bool = False,
) -> ShopSettings:
    """The settings after the change; with those that are there already, nothing is changed.

    Args:
        transaction: of the store.
        wanted: all of them, with the etag that they were read with; empty: any.
        time_us: the clock.
        author: who asks.
        reason: kept in the history.
        new_exposure_key: make a key for exposure tokens, also where there is one.

    Raises:
        InvalidRequest: a value breaks a rule.
        StaleEtag: they were changed after the caller read them.
    """
    if violations := list(_violations(wanted)):
        raise InvalidRequest(violations)
    lock_history(transaction)
    before = shop_settings(transaction)
    if wanted.etag and wanted.etag != before.etag:
        raise StaleEtag("the settings were changed since you read them; read them again")
    changes = _changes(before, wanted)
    makes_key = new_exposure_key or (
        wanted.exposure_tokens is not ExposureTokenUse.OFF and not exposure_keys(transaction)
    )
    if not changes and not makes_key:
        return before
    if makes_key:
        starts_us = time_us + KEY_DELAY_S * 1_000_000
        old_ends_us = starts_us + LIFETIME_S * 1_000_000
        add_exposure_key(transaction, starts_us=starts_us, old_ends_us=old_ends_us)
        changes.append(changed_field("exposure_key", None, "a new one"))
    after = replace(wanted, etag=secrets.token_hex(16))
    put_shop_settings(transaction, after)
    add_entry(
        transaction,
        "settings",
        verb="update",
        time_us=time_us,
        author=author,
        fields=changes,
        reason=reason,
    )
    return after


def _violations(wanted: ShopSettings) -> Iterator[Violation]:
    days, largest = wanted.retention_days, wanted.largest_order_micros
    if days is not None and not may_retain(days):
        yield Violation("settings.retention_days", f"is {days}, {RETENTION_RULE}")
    if largest is not None and not 0 < largest <= MAX_AMOUNT_MICROS:
        rule = f"must be 1 to {MAX_AMOUNT_MICROS} micros; leave it out for no limit"
        yield Violation("settings.largest_order_micros", f"is {largest}, {rule}")
    values, where = wanted.largest_action_values, "settings.largest_action_values"
    if len(values) > _MOST_ACTIONS:
        yield Violation(where, f"names {len(values)} actions, must name at most {_MOST_ACTIONS}")
    for name, value in values.items():
        if not _ACTION.fullmatch(name):
            rule = "must be lower-case letters, digits and _, a letter first, 63 at most"
            yield Violation(where, f"names {name[:70]!r}, {rule}")
        elif not (math.isfinite(value) and value >= 0):
            yield Violation(f"{where}[{name}]", f"is {value}, must be a number from 0 on")


def _changes(before: ShopSettings, after: ShopSettings) -> list[FieldChange]:
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in _FIELDS)
    return [changed_field(name, old, new) for name, old, new in pairs if old != new]

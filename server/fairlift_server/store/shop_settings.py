"""What administrators set while servers run: one row, or none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from fairlift_server.store import tables


class ExposureTokenUse(StrEnum):
    """What becomes of exposure tokens; whoever requires them issues them too."""

    OFF = "off"
    ISSUED = "issued"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """The settings; None: the server's own default.

    Attributes:
        etag: changes with every change; empty before the first.
        retention_days: for which events are kept; 0: for ever.
        exposure_tokens: whether assignments come with tokens, and exposures need them.
        largest_order_micros: that is counted, in the shop's currency.
        largest_action_values: by the action's name, likewise.
    """

    etag: str = ""
    retention_days: int | None = None
    exposure_tokens: ExposureTokenUse = ExposureTokenUse.OFF
    largest_order_micros: int | None = None
    largest_action_values: Mapping[str, float] = field(default_factory=dict)


_COLUMNS = [column for column in tables.shop_settings.c if column.name != "id"]


def shop_settings(connection: Connection) -> ShopSettings:
    """The settings as they are."""
    row = connection.execute(select(*_COLUMNS)).first()
    if row is None:
        return ShopSettings()
    values = row.largest_action_values
    return ShopSettings(
        row.etag,
        row.retention_days,
        ExposureTokenUse(row.exposure_tokens or ExposureTokenUse.OFF),
        row.largest_order_micros,
        json.loads(values) if values else {},
    )


def put_shop_settings(connection: Connection, settings: ShopSettings) -> None:
    """Replaces the settings."""
    values, tokens = settings.largest_action_values, settings.exposure_tokens
    row = {
        "id": 1,
        "etag": settings.etag,
        "retention_days": settings.retention_days,
        "exposure_tokens": None if tokens is ExposureTokenUse.OFF else tokens.value,
        "largest_order_micros": settings.largest_order_micros,
        "largest_action_values": json.dumps(dict(values), sort_keys=True) if values else None,
    }
    connection.execute(delete(tables.shop_settings))
    connection.execute(insert(tables.shop_settings).values(row))

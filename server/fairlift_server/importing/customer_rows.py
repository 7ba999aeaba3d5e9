"""Rows about customers: what is known of them, from a time on. No storefront sends such rows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from fairlift.engine.campaign import CONTROL_CHARACTER

from fairlift_server.api.event_fields import (
    EventRefusal,
    checked_text,
    digest,
    event_id_from,
    invalid,
)
from fairlift_server.api.segment_labels import MAX_LABEL_TEXT
from fairlift_server.events.ledger import AttributeEntry, Event, RefusalReason, RefusedEvent
from fairlift_server.events.parking import DAY_US, MAX_AHEAD_US
from fairlift_server.events.unit_ids import UnitIds
from fairlift_server.importing.event_ids import EventIds
from fairlift_server.importing.event_messages import Prepared, Rows
from fairlift_server.importing.kinds import Kind
from fairlift_server.importing.mapping import ATTRIBUTE
from fairlift_server.importing.row_reader import Refused, RowReader, RowRefusal
from fairlift_server.importing.values import Values
from fairlift_server.store.campaigns import microseconds

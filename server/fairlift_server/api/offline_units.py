"""Erases and exports units in a database that no server uses."""

import asyncio
import time
from typing import Any

from fairlift.v1.event_service_pb2 import Event

from fairlift_server.api.admin import checked_unit
from fairlift_server.api.unit_export import attribute_of, event_of, person_json
from fairlift_server.store.erasure import Request
from fairlift_server.store.program_author import program_author
from fairlift_server.store.unit_requests import UnitRequests


class OfflineUnits:
    """The same calls as `AdminClient` has."""

    def __init__(self, units: UnitRequests) -> None:
        self._units = units

    def erase(self, unit: str, reason: str) -> tuple[int, int]:
        """How many ids were erased, and how many events."""
        erased = asyncio.run(self._units.erase([checked_unit(unit)], _request(reason)))
        return erased.ids, erased.events

    def export(self, unit: str, reason: str) -> dict[str, Any]:
        """What is kept about a unit, as `person_json` has it."""
        person = asyncio.run(self._units.export(checked_unit(unit), _request(reason)))
        waiting = [Event.FromString(content) for content in person.waiting]
        attributes = map(attribute_of, person.attributes)
        return person_json(map(event_of, person.entries), attributes, waiting)


def _request(reason: str) -> Request:
    return Request(time.time_ns() // 1_000, program_author(), reason)

"""Times in the time zone of a campaign."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.timestamp_pb2 import Timestamp


def local_time(time: Timestamp, time_zone: str) -> datetime:
    """The moment in the zone, an IANA name; in UTC if the zone is empty or not known here."""
    return time.ToDatetime(UTC).astimezone(_zone(time_zone))


@lru_cache(maxsize=16)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError):  # of a newer server, or absent here
        return UTC

"""Times in the time zone of a campaign."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.timestamp_pb2 import Timestamp


def local_time(time: Timestamp, time_zone: str) -> datetime:
    """The moment in the zone, an IANA name; in UTC if the zone is empty or not known here."""
    try:
        zone: tzinfo = ZoneInfo(time_zone)
    except (ValueError, ZoneInfoNotFoundError):  # of a newer server, or absent here
        zone = UTC
    return time.ToDatetime(UTC).astimezone(zone)

"""What events say as bytes is the same whether they are read alone or with a call of others.

Stored digests are made of it: the same event sent again must be known again.
"""

import pytest
from fairlift.v1 import event_service_pb2 as pb
from fairlift_server.api.event_entries import EventReader
from fairlift_server.api.event_fields import contents_of
from fairlift_server.api.unit_fields import hide_ids
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.ledger import Event
from fairlift_server.store.campaigns import microseconds

from tests.server import shop
from tests.server.api.test_exposure_entries import RUNNING, _published

# Field 999, which this version does not know, with the text "new".
UNKNOWN = bytes([0xBA, 0x3E, 3]) + b"new"


def _events() -> list[pb.Event]:
    exposure = shop.exposure("v-1", "treatment")
    exposure.exposure.campaign = "campaigns/summer"
    for name in ("zebra", "country", "v-1", "apple"):  # a map, whose order means nothing
        exposure.exposure.attributes[name].string_value = name
    exposure.exposure.exposure_token = "signed"
    newer = shop.action("v-2", "add_to_cart")
    newer.MergeFromString(UNKNOWN)
    upper = shop.action("v-3", "add_to_cart")
    upper.event_id = upper.event_id.upper()
    return [exposure, newer, upper, shop.action("ü" * 100, "search"), pb.Event()]


@pytest.mark.parametrize("request_type", [pb.RecordEventsRequest, pb.StreamEventsRequest])
def test_contents_of_a_call_are_those_of_its_events(
    request_type: type[pb.RecordEventsRequest | pb.StreamEventsRequest],
) -> None:
    request = request_type(events=_events())
    request.sent_time.GetCurrentTime()
    request.MergeFromString(UNKNOWN)

    contents = contents_of(request)

    assert contents == [event.SerializeToString(deterministic=True) for event in request.events]


def test_events_of_a_call_have_the_digests_of_events_that_are_read_alone() -> None:
    live = LiveCampaigns(_published(RUNNING, 1))
    reader = EventReader(
        live, now_us=microseconds(shop.now()), history_days=400, parked_days=7, currency="EUR"
    )
    request = pb.RecordEventsRequest(events=_events()[:-1])
    alone = [pb.Event.FromString(event.SerializeToString()) for event in request.events]

    def stored(raw: str) -> str:
        return f"keyed-{raw[::-1]}"

    raw_units = hide_ids(request.events, stored)
    read = map(reader.read, request.events, raw_units, contents_of(request))
    read_alone = [
        reader.read(event, raw) for event, raw in zip(alone, hide_ids(alone, stored), strict=True)
    ]

    together = list(read)
    assert all(isinstance(event, Event) for event in together)
    assert together == read_alone
    exposure = together[0]
    assert isinstance(exposure, Event)
    # Neither the unit's raw id nor its token stays in it; the name of an attribute does.
    assert b"signed" not in exposure.content
    assert pb.Event.FromString(exposure.content).exposure.attributes["v-1"].string_value == (
        exposure.entry.unit  # type: ignore[union-attr]  # of an exposure
    )

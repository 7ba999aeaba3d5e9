"""Exposures are read by the campaigns as they are, also within one call."""

from dataclasses import replace

from fairlift.engine.campaign import State
from fairlift.engine.snapshot import Snapshot
from fairlift_server.api.event_entries import EventReader
from fairlift_server.campaigns.live import ExposureRules, LiveCampaigns, PublishedSnapshot
from fairlift_server.events.ledger import Event, ExposureEntry, RefusalReason, RefusedEvent
from fairlift_server.store.campaigns import microseconds

from tests.server import shop

RUNNING = ExposureRules(State.RUNNING, 1, {1: ("control", "treatment")}, ("country",))


def _published(rules: ExposureRules, version: int) -> PublishedSnapshot:
    return PublishedSnapshot(Snapshot(), {"summer": rules}, {}, {}, {}, {}, version)


def _reader(live: LiveCampaigns) -> EventReader:
    return EventReader(
        live, now_us=microseconds(shop.now()), history_days=400, parked_days=7, currency="EUR"
    )


def _read(reader: EventReader, country: str = "ES") -> Event | RefusedEvent:
    message = shop.exposure("v-1", "treatment")
    message.exposure.campaign = "campaigns/summer"
    message.exposure.attributes["country"].string_value = country
    read = reader.read(message)
    assert isinstance(read, Event | RefusedEvent)
    return read


def test_a_campaign_that_ends_between_two_exposures_refuses_the_second() -> None:
    live = LiveCampaigns(_published(RUNNING, 1))
    reader = _reader(live)
    first = _read(reader)
    ended = _published(replace(RUNNING, state=State.STOPPED, ended_us=0), 2)

    live.publish(ended, live.compiled_with(ended))
    second = _read(reader)

    assert isinstance(first, Event)
    assert isinstance(second, RefusedEvent)
    assert second.reason is RefusalReason.NOT_RUNNING


def test_a_stopped_campaign_takes_exposures_of_its_run_and_no_later_ones() -> None:
    now_us = microseconds(shop.now())
    stopped = replace(RUNNING, state=State.STOPPED, ended_us=now_us - 1)
    reader = _reader(LiveCampaigns(_published(stopped, 1)))
    message = shop.exposure("v-1", "treatment")
    message.exposure.campaign = "campaigns/summer"

    def at(time_us: int) -> object:
        message.event_time.FromMicroseconds(time_us)
        return type(reader.read(message))

    # The first one is known for the second, and its time is not.
    assert [at(now_us - 1), at(now_us), at(now_us - 2)] == [Event, RefusedEvent, Event]


def test_each_exposure_keeps_its_own_labels() -> None:
    reader = _reader(LiveCampaigns(_published(RUNNING, 1)))

    entries = [_read(reader, country) for country in ("ES", "RO", "", "ES")]

    segments = [
        each.entry.segments
        for each in entries
        if isinstance(each, Event) and isinstance(each.entry, ExposureEntry)
    ]
    assert segments == [f'{{"country":"{country}"}}' for country in ("ES", "RO", "", "ES")]

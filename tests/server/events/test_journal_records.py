"""The format of the journal: what is damaged is noticed, and nothing else is lost."""

import random
from typing import get_args

import pytest
from fairlift_server.events.journal_records import (
    MARKER,
    ReadEvent,
    event_from,
    event_text,
    read_records,
    record,
)
from fairlift_server.events.ledger import (
    ActionEntry,
    AmendmentEntry,
    AmendmentKind,
    AttributeEntry,
    CostEntry,
    Event,
    ExposureEntry,
    IdentityEntry,
    LedgerEntry,
    LineEntry,
    OrderContent,
    OrderEntry,
    RateEntry,
    RefusalReason,
    RefusedEvent,
)
from fairlift_server.events.parking import WaitingEvent
from hypothesis import given
from hypothesis import strategies as st

IDS = st.binary(min_size=16, max_size=16)
DIGESTS = st.binary(min_size=0, max_size=32)
WHOLE = st.integers(-(2**63), 2**63 - 1)
# Protobuf's strings hold no surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LINES = st.builds(LineEntry, TEXTS, WHOLE, WHOLE, WHOLE, TEXTS, TEXTS)
ORDERS = st.builds(
    OrderContent,
    *(TEXTS, TEXTS, *[WHOLE] * 5, *[st.booleans()] * 2, TEXTS, TEXTS),
    st.none() | st.booleans(),
    st.booleans(),
    st.lists(LINES, max_size=3).map(tuple),
)
ENTRIES: dict[type[LedgerEntry], st.SearchStrategy[LedgerEntry]] = {
    ExposureEntry: st.builds(
        ExposureEntry, IDS, WHOLE, WHOLE, TEXTS, TEXTS, WHOLE, TEXTS, st.none() | TEXTS
    ),
    ActionEntry: st.builds(
        ActionEntry, IDS, WHOLE, WHOLE, TEXTS, TEXTS, st.none() | st.floats(allow_nan=False)
    ),
    OrderEntry: st.builds(OrderEntry, IDS, TEXTS, DIGESTS, WHOLE, WHOLE, ORDERS),
    AmendmentEntry: st.builds(
        AmendmentEntry,
        *(IDS, WHOLE, WHOLE, TEXTS, st.sampled_from(AmendmentKind), TEXTS),
        *([WHOLE] * 5),
        st.booleans(),
        st.none() | TEXTS,
    ),
    IdentityEntry: st.builds(IdentityEntry, IDS, WHOLE, WHOLE, TEXTS, TEXTS),
    CostEntry: st.builds(CostEntry, IDS, WHOLE, WHOLE, TEXTS, TEXTS, TEXTS, WHOLE),
    RateEntry: st.builds(RateEntry, IDS, WHOLE, WHOLE, TEXTS, WHOLE),
}
REFUSALS = st.builds(
    RefusedEvent, st.sampled_from(RefusalReason), TEXTS, TEXTS, TEXTS, st.booleans()
)
EVENTS: st.SearchStrategy[ReadEvent] = st.builds(
    Event, IDS, DIGESTS, st.one_of(*ENTRIES.values()), st.binary(max_size=50), WHOLE, st.booleans()
) | st.builds(
    WaitingEvent,
    *(IDS, DIGESTS, st.binary(), WHOLE, WHOLE, WHOLE, REFUSALS),
    st.lists(TEXTS, max_size=2).map(tuple),
    TEXTS,
    st.booleans(),
)


def exposures(number: int) -> list[ReadEvent]:
    chance = random.Random(number)
    return [
        Event(
            event_id := chance.randbytes(16),
            chance.randbytes(8),
            ExposureEntry(event_id, n, n, f"visitor {n} ÿþ", "spring", 1, "control", None),
            chance.randbytes(40),
        )
        for n in range(number)
    ]


def written(events: list[ReadEvent]) -> list[bytes]:
    return [record(event_text(event).encode(), n) for n, event in enumerate(events)]


def test_every_entry_of_the_ledger_is_tried() -> None:
    # Attributes of customers are imported, and never wait in a journal.
    assert set(ENTRIES) == set(get_args(LedgerEntry)) - {AttributeEntry}


@given(EVENTS)
def test_an_event_is_read_as_it_was_written(event: ReadEvent) -> None:
    text = event_text(event)
    found = event_from(text)

    # Types too: a tuple equals a named tuple with other names.
    assert (repr(found), type(found)) == (repr(event), type(event))
    # What a damaged record is found by stands in no event.
    assert MARKER[:1] not in text.encode()


def test_a_cut_at_every_byte_of_the_tail_loses_the_cut_record_alone() -> None:
    events = exposures(4)
    records = written(events)
    whole, tail = b"".join(records[:-1]), records[-1]

    for kept in range(len(tail)):
        found = read_records(whole + tail[:kept])
        assert (found.events, found.damages, found.lost) == (events[:-1], [], 0)
        assert found.torn_bytes == kept


def test_a_flipped_bit_is_noticed_and_damages_one_event() -> None:
    events = exposures(40)
    records = written(events)
    data = b"".join(records)
    ends = [sum(map(len, records[: n + 1])) for n in range(len(records))]

    for bit in random.Random(7).sample(range(8 * len(data)), 1_000):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found = read_records(bytes(flipped))

        hit = next(n for n, end in enumerate(ends) if bit // 8 < end)
        assert found.events == events[:hit] + events[hit + 1 :]
        assert (found.lost, found.torn_bytes) == (1, 0)
        (damage,) = found.damages
        assert damage.data == flipped[ends[hit] - len(records[hit]) : ends[hit]]


@pytest.mark.parametrize("size", [1, 10, 300, 2_000])
def test_overwritten_bytes_damage_the_events_that_they_hit(size: int) -> None:
    events = exposures(40)
    records = written(events)
    data = b"".join(records)
    ends = [sum(map(len, records[: n + 1])) for n in range(len(records))]
    chance = random.Random(size)

    for _ in range(100):
        start = chance.randrange(len(data) - size)
        changed = data[:start] + chance.randbytes(size) + data[start + size :]
        found = read_records(changed)

        untouched = [
            event
            for event, each, end in zip(events, records, ends, strict=True)
            if end <= start or end - len(each) >= start + size
        ]
        assert [event for event in found.events if event in untouched] == untouched
        assert all(event in events for event in found.events)
        # A byte may be overwritten by itself.
        assert bool(found.damages) == (changed != data)


def test_bytes_that_were_cut_out_are_counted() -> None:
    events = exposures(10)
    records = written(events)

    found = read_records(b"".join(records[:3] + records[7:]))
    assert (found.events, found.lost) == (events[:3] + events[7:], 4)


def test_a_tail_of_zeros_is_an_unfinished_write() -> None:
    events = exposures(3)
    found = read_records(b"".join(written(events)) + bytes(5_000))
    assert (found.events, found.lost, found.torn_bytes) == (events, 0, 5_000)

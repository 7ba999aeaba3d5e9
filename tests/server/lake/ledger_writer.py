"""A random history that comes into a database in groups, days apart."""

import random
from collections.abc import Iterator

from fairlift.v1.event_service_pb2 import Event
from fairlift_server.api.event_entries import EventReader
from fairlift_server.events.ledger import Event as CheckedEvent
from fairlift_server.store.database import Store
from fairlift_server.store.events import store_events

from tests.ledger_oracle.events import DAY
from tests.ledger_oracle.histories import START, histories, together
from tests.ledger_oracle.messages import message_of
from tests.ledger_oracle.product import Arrival, _live
from tests.server import shop


class Writer:
    """Writes a random history into a database, a group of events at a time, days apart.

    Args:
        database: whose shop exists.
        seed: of the history.
        also: another one, which gets the same events.
    """

    def __init__(self, database: str, seed: int, *, also: str | None = None) -> None:
        history = together(histories(seed)[:8])
        self._rng = random.Random(seed)
        messages = [message_of(event) for event in history.events]
        for _ in range(12):  # costs that rates of the history restate
            currency = self._rng.choice(["USD", "USD", "EUR"])
            cost = shop.cost(self._rng.randrange(1, 90), channel="ads", currency=currency)
            cost.event_time.FromMicroseconds(START + self._rng.randrange(14) * DAY)
            messages.append(cost)
        self._live = _live(history.campaign)
        self._now_us = history.as_of
        self.erased: set[str] = set()
        self._stores = [Store(each) for each in (database, also) if each is not None]
        for store in self._stores:
            store.migrate()
        # What was refused for want of a rate comes again, and so do some that were accepted.
        self._messages = [*messages, *messages]

    def groups(self) -> Iterator[int]:
        """Writes a group for each number."""
        arrival = Arrival(self._rng.randrange(100))
        for group in arrival.groups(self._messages):  # type: ignore[arg-type]  # it only shuffles them
            self.write(group)  # type: ignore[arg-type]  # as above
            yield len(group)

    def write(self, messages: list[Event]) -> None:
        messages = [one for one in messages if not any(unit in str(one) for unit in self.erased)]
        self._now_us += self._rng.choice([0, DAY // 7, DAY])
        reader = EventReader(
            self._live, now_us=self._now_us, history_days=4_000, parked_days=7, currency="EUR"
        )
        events = [event for event in map(reader.read, messages) if isinstance(event, CheckedEvent)]
        for store in self._stores:
            store.write_now(lambda connection: store_events(connection, events, "EUR"))

    def go_on_in(self, database: str) -> None:
        """Writes into another database from now on; the first one was closed, and has moved."""
        self._stores = [Store(database)]
        self._stores[0].migrate()

    def close(self) -> None:
        for store in self._stores:
            store.close()

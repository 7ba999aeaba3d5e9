"""How long events are kept."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from fairlift.engine.errors import Overloaded, Unavailable

from fairlift_server.store.database import Store, Transaction
from fairlift_server.store.shop_settings import shop_settings

log = logging.getLogger("fairlift.results")

_FIRST_S = 60.0
EVERY_S = 3_600.0

# The clocks of callers and of servers differ, so what is just too old is remembered for longer.
_MARGIN_DAYS = 2


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long events are kept, in days from their coming in.

    Attributes:
        days: at least so long; 0: for ever.
        known_days: the ids of removed events are known until the events are so old, by their own
            time, that they would be refused.
    """

    days: int
    known_days: int

    @classmethod
    def of(cls, retention_days: int, history_days: int) -> "RetentionRules":
        """The rules that follow from the settings."""
        return cls(retention_days, history_days + _MARGIN_DAYS)

    @classmethod
    def stored(
        cls, transaction: Transaction, *, server_days: int, history_days: int
    ) -> "RetentionRules":
        """As administrators set them; until they do, as the server's own settings have them."""
        days = shop_settings(transaction).retention_days
        return cls.of(server_days if days is None else days, history_days)


async def wait_for_retention(store: Store, rules: Callable[[Transaction], RetentionRules]) -> None:
    """Returns once events are to be removed at some age, a minute after the start at the earliest.

    Args:
        store: of the events.
        rules: as they are set now.
    """
    await asyncio.sleep(_FIRST_S)
    while True:
        try:
            if (await store.read(rules)).days:
                return
        except (Overloaded, Unavailable):
            pass  # the store has logged that the database is away
        except Exception:
            log.exception("how long events are kept could not be read")
        await asyncio.sleep(EVERY_S)

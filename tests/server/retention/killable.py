"""A program that removes old events and says each turn: python -m … DATABASE KEY ERASED AHEAD_S."""

import asyncio
import sys
from datetime import timedelta

from fairlift_server.offline_results import retaining
from fairlift_server.results import retention
from fairlift_server.results.retention_rules import RetentionRules

from tests.server.client import Clock, settings_of

_paced = retention.Retention._paced


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _loud(self, job):  # type: ignore[no-untyped-def]  # as what it wraps
    answer = await _paced(self, job)
    _say("turn")
    return answer


async def main(database: str, key: str, erased: str, ahead_s: str) -> None:
    clock = Clock()
    clock.ahead = timedelta(seconds=float(ahead_s))
    retention._FEWEST = retention._MOST = 10
    retention.Retention._paced = _loud  # type: ignore[method-assign]
    files = {"id_key_file": key, "erased_file": erased}
    settings = settings_of({"database": database, **files})
    rules = RetentionRules.of(30, settings.history_days)
    async with retaining(settings, lambda _: rules, clock=clock) as made:
        _say("begun")
        await made.once()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

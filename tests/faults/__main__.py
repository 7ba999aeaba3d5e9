"""Runs every fault in its long form, or those with a word: `python -m tests.faults jumps`.

Each ends in its counts. The exit code is 1 when something was lost, doubled or wrong.
"""

import asyncio
import sys
from collections.abc import Callable
from functools import partial

from tests.faults import killed_while_parked, wrong_clocks

_FAILURES = ("lost", "doubled", "wrong")
# A fault of a module is a line here: its name, and what runs it and returns its counts.
FAULTS: dict[str, Callable[[], dict[str, int]]] = {
    **{
        fault.name: lambda fault=fault: asyncio.run(wrong_clocks.run(fault, rounds=60))  # type: ignore[misc]  # mypy cannot infer the default
        for fault in wrong_clocks.FAULTS
    },
    "killed while parked events": partial(killed_while_parked.run, batches=60, kills=5),
}


def main(words: list[str]) -> int:
    """Prints a line for each fault; 1 when one of them did harm."""
    chosen = {
        name: run
        for name, run in FAULTS.items()
        if not words or any(word in name for word in words)
    }
    harm = 0
    for name, run in chosen.items():
        counts = run()
        harm += sum(counts.get(failure, 0) for failure in _FAILURES)
        figures = "  ".join(f"{key} {count:,}" for key, count in counts.items())
        sys.stdout.write(f"{name:<38} {figures}\n")
        sys.stdout.flush()
    return min(harm, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Compares many histories: `python -m tests.ledger_oracle --histories 5000`."""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from .comparison import FIGURES, kind_of, part_differences
from .histories import TOGETHER, histories, together
from .product import Arrival, empty_store, product_report


def main() -> int:
    """Prints the counts; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed, of 20 histories")
    parser.add_argument("--show", type=int, default=10, help="how many differences are printed")
    arguments = parser.parse_args()
    kinds: Counter[str] = Counter()
    figures = wrong = events = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty = empty_store(folder)
        for seed in range(arguments.first, arguments.first + -(-arguments.histories // TOGETHER)):
            parts = histories(seed)
            arrival = Arrival(seed, twice=seed % 3 == 0, restarts=seed % 10 == 0)
            product = product_report(together(parts), empty, folder / "shop.db", arrival)
            for number, part in enumerate(parts):
                lines = list(part_differences(part, product))
                wrong += bool(lines)
                events += len(part.events)
                figures += FIGURES * len(part.campaign.variants)
                for line in lines[: max(0, arguments.show - sum(kinds.values()))]:
                    print(f"seed {seed}, history {number}: {line}")
                kinds.update(kind_of(line) for line in lines)
    took_s = time.monotonic() - began
    print(
        f"{-(-arguments.histories // TOGETHER) * TOGETHER} histories, {events} events, {figures} figures compared in "
        f"{took_s:.0f} s: {wrong} histories and {sum(kinds.values())} figures differ"
    )
    for kind, number in kinds.most_common():
        print(f"  {number:6d} {kind}")
    return int(bool(kinds))


if __name__ == "__main__":
    raise SystemExit(main())

"""Compares many histories: `python -m tests.ledger_oracle --histories 5000`."""

import argparse
import tempfile
import time
from pathlib import Path

from .histories import TOGETHER
from .product import empty_store
from .tally import Tally


def main() -> int:
    """Compares, and prints the counts; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed, of 20 histories")
    parser.add_argument("--show", type=int, default=10, help="how many differences are printed")
    arguments = parser.parse_args()
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        empty = empty_store(Path(name))
        for seed in range(arguments.first, arguments.first + -(-arguments.histories // TOGETHER)):
            for line in tally.compare(seed, empty, Path(name))[: max(0, arguments.show)]:
                arguments.show -= 1
                print(line)
    print(f"{tally.summary}, in {time.monotonic() - began:.0f} s")
    for kind, number in tally.kinds.most_common():
        print(f"  {number:6d} {kind}")
    return int(bool(tally.kinds))


if __name__ == "__main__":
    raise SystemExit(main())

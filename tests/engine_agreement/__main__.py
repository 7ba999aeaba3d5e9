"""Compares many histories: `python -m tests.engine_agreement --seeds 50 --spark local[2]`."""

import argparse
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.engine_agreement.agreement import (
    ROUNDING,
    Agreement,
    by_spark,
    compared,
    duckdb_engines,
)
from tests.ledger_oracle.product import empty_store


def main() -> int:
    """Compares, and prints the counts; 1 if anything differs by more than 1e-9."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="of 20 histories each")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--spark", help="a master, such as local[2]; without it Spark is left out")
    arguments = parser.parse_args()
    began, found, lines = time.monotonic(), dict[str, Agreement](), list[str]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engines = duckdb_engines()
        if arguments.spark:
            engines["spark"] = partial(by_spark, arguments.spark)
        empty = empty_store(folder)
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            lines += compared(seed, empty, folder / str(seed), engines, found)
    for line in lines[:10]:
        print(line)
    for name, each in found.items():
        print(f"{name}: {each.summary}")
    print(f"{len(lines)} figures differ from the reference; {time.monotonic() - began:.0f} s")
    return int(bool(lines) or any(each.largest > ROUNDING for each in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())

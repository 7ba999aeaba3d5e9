"""Runs the eight campaigns over many crowds: `python -m tests.scenarios --seeds 20`."""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from tests.ledger_oracle.product import empty_store
from tests.scenarios.campaigns import SCENARIOS
from tests.scenarios.run import claims, result_of


def main() -> int:
    """Prints, by campaign, the verdicts and how many of the intervals hold the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        empty = empty_store(Path(name))
        for title, scenario in SCENARIOS.items():
            verdicts: Counter[str] = Counter()
            held: list[bool] = []
            for seed in range(arguments.first, arguments.first + arguments.seeds):
                result = result_of(scenario, seed, empty, Path(name) / "shop.db")
                verdicts[result.verdict.kind if result.verdict else "none"] += 1
                held += [claim.holds for claim in claims(scenario, result)]
            print(f"{title}: {dict(verdicts)}; {sum(held)} of {len(held)} intervals hold the truth")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

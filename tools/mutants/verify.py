"""Holds a sample of results against plain pytest: `python -m tools.mutants.verify KILLED SURVIVED`.

Writes each change into the file of a copy and runs pytest as anybody would: the test that killed it
must fail, and where none did, all of them must pass.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

from tools.mutants.__main__ import COPY, RESULTS
from tools.mutants.changes import Change
from tools.mutants.results import Results
from tools.mutants.tested import TESTS
from tools.mutants.trial import Result


def main(killed: int, survived: int) -> int:
    """Say of each sampled change whether pytest agrees; 1 when it does not."""
    os.chdir(COPY)
    from tools.mutants.work import changes_of_all

    results = Results(COPY, RESULTS, (COPY / "digest").read_text()).known()
    known = [
        (change, results[change.name]) for change in changes_of_all() if change.name in results
    ]
    chosen: list[tuple[Change, Result]] = []
    for outcome, size in (("killed", killed), ("survived", survived)):
        these = [pair for pair in known if pair[1].outcome == outcome]
        chosen += random.Random(1).sample(these, min(size, len(these)))
    wrong = 0
    for change, result in chosen:
        fails = _fails(change, [result.test] if result.test else list(TESTS))
        agrees = fails == (result.outcome == "killed")
        wrong += not agrees
        said = "agrees" if agrees else "DOES NOT AGREE"
        print(f"{said}: {result.outcome} {change.name}", flush=True)  # noqa: T201 - its report
    return int(wrong > 0)


def _fails(change: Change, tests: list[str]) -> bool:
    file = Path(change.module)
    path = os.pathsep.join(str(COPY / folder) for folder in ("stats", "clients"))
    before = file.read_text(encoding="utf-8")
    file.write_text(change.source, encoding="utf-8")
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--override-ini=addopts=", *tests],
            env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=False,
        )
    finally:
        file.write_text(before, encoding="utf-8")
    return run.returncode != 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

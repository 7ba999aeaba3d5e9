"""Runs what is left to run, and reports: `python -m tools.mutants [PROCESSES [ONLY]]`.

ONLY is a part of the names of changes: "verdict/", "lines.py", "standings.py::_by_loss".
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import yaml

from tools.mutants.report import Report
from tools.mutants.results import Results

ROOT: Final = Path(__file__).parent.parent.parent
HOME: Final = ROOT / ".venv" / "mutants"
COPY: Final = HOME / "copy"
PACKAGES: Final = ROOT / "build" / "mutants"
RESULTS: Final = HOME / "results.jsonl"
EQUIVALENT: Final = ROOT / "tests" / "rules" / "survivors.yaml"
COPIED: Final = ("stats", "clients", "tests", "tools", "docs", "pyproject.toml")
LEAST_KILLED: Final = 0.95


def main(processes: int, only: str) -> int:
    """Try what has no result yet; 1 when tests kill too few of the changes that matter."""
    everything = _copy()
    _work(everything, processes, only)
    sys.path[:0] = [str(COPY)]
    os.chdir(COPY)
    from tools.mutants.work import changes_of_all

    known = Results(COPY, RESULTS, everything).known()
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    report = Report(
        {change: known[change.name] for change in changes_of_all(only)},
        {entry["change"]: entry["reason"] for entry in listed},
    )
    print("\n".join(report.lines()))  # noqa: T201 - its report
    return int(report.share < LEAST_KILLED)


def _copy() -> str:
    """A copy of these sources and tests, unless it is there; the digest of what is in it."""
    everything = _digest()
    mark = COPY / "digest"
    if mark.exists() and mark.read_text() == everything:
        return everything
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, COPY / name, ignore=ignored)
        else:
            shutil.copy(source, COPY / name)
    mark.write_text(everything)
    return everything


def _digest() -> str:
    found = hashlib.sha256()
    for folder in ("stats", "tests/rules", "tests/stats", "tools/mutants"):
        for file in sorted((ROOT / folder).rglob("*")):
            # An explained survivor changes no result.
            if file == EQUIVALENT or not file.is_file():
                continue
            if file.suffix in {".py", ".yaml", ".json"}:
                found.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return found.hexdigest()[:16]


def _work(everything: str, processes: int, only: str) -> None:
    """Start the processes in the copy, and wait for them."""
    # The copy comes first on the path: the package that is installed must not be tested instead.
    folders = (*(COPY / folder for folder in ("stats", "clients", ".")), PACKAGES)
    path = os.pathsep.join(map(str, folders))
    environment = os.environ | {
        "PYTHONPATH": path,
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tools.mutants.work", str(RESULTS), everything, only]
    # The first finds the changes and what tests cover, for all.
    subprocess.run([*command, "0", "0"], cwd=COPY, env=environment, check=True)
    running = [
        subprocess.Popen([*command, str(part), str(processes)], cwd=COPY, env=environment)
        for part in range(processes)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit("a process ended early; `make mutants` goes on from here")


if __name__ == "__main__":
    arguments = dict(enumerate(sys.argv))
    sys.exit(main(int(arguments.get(1, "1")), arguments.get(2, "")))

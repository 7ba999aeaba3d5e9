"""Changes the decision rule in a copy, one place at a time, and counts the changes no test notices.

Run by `make mutants`. The copy is in .venv/mutants; an interrupted run goes on where it was, until
a source or test has changed. Survivors are listed with their change; those that are expected
stand, each with its reason, in tests/rules/survivors.yaml.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parent.parent
COPY: Final = ROOT / ".venv" / "mutants"
SESSION: Final = COPY / "session.sqlite"
EXPECTED: Final = ROOT / "tests" / "rules" / "survivors.yaml"
# The rule: what decides, what guards it, and what it spends. Numerics are held by golden values.
MODULES: Final = (
    "stats/fairlift_stats/verdict/ruling.py",
    "stats/fairlift_stats/verdict/standings.py",
    "stats/fairlift_stats/verdict/guardrails.py",
    "stats/fairlift_stats/verdict/arm_facts.py",
    "stats/fairlift_stats/verdict/since.py",
    "stats/fairlift_stats/sequential/calendar.py",
    "stats/fairlift_stats/sequential/guards.py",
    "stats/fairlift_stats/sequential/lines.py",
    "stats/fairlift_stats/sequential/looks.py",
    "stats/fairlift_stats/sequential/plan.py",
    "stats/fairlift_stats/sequential/group_sequential/spending.py",
    "stats/fairlift_stats/methods/contrast.py",
    "stats/fairlift_stats/methods/multiplicity.py",
)
TESTS: Final = (
    "tests/rules/test_rule.py",
    "tests/rules/test_faults.py",
    "tests/stats/sequential/test_calendar.py",
    "tests/stats/sequential/test_lines.py",
    "tests/stats/sequential/test_looks.py",
    "tests/stats/sequential/test_verdict.py",
    "tests/stats/sequential/test_verdict_engines.py",
    "tests/stats/sequential/test_verdict_guardrails.py",
    "tests/stats/sequential/test_verdict_trust.py",
    "tests/stats/test_contrast.py",
    "tests/stats/methods/test_multiplicity.py",
    "tests/rules/test_seal.py",
    "tests/rules/test_properties.py",
)
COPIED: Final = ("stats", "clients", "tests", "pyproject.toml")
LEAST_KILLED: Final = 0.95
# One change of a kind is enough: + becomes -, < becomes <=. Annotations, which are full of |, and
# caches change nothing.
LEFT_OUT: Final = (
    "core/ReplaceBinaryOperator_BitOr_.*",
    "core/ReplaceBinaryOperator_Add_(?!Sub$).*",
    "core/ReplaceBinaryOperator_Sub_(?!Add$).*",
    "core/ReplaceBinaryOperator_Mul_(?!Div$).*",
    "core/ReplaceBinaryOperator_Div_(?!Mul$).*",
    "core/ReplaceBinaryOperator_(Mod|Pow|FloorDiv)_(?!Mul$).*",
    "core/ReplaceComparisonOperator_Lt_(?!(LtE|Gt)$).*",
    "core/ReplaceComparisonOperator_LtE_(?!(Lt|GtE)$).*",
    "core/ReplaceComparisonOperator_Gt_(?!(GtE|Lt)$).*",
    "core/ReplaceComparisonOperator_GtE_(?!(Gt|LtE)$).*",
    "core/ReplaceComparisonOperator_Eq_(?!NotEq$).*",
    "core/ReplaceComparisonOperator_NotEq_(?!Eq$).*",
    "core/ReplaceComparisonOperator_Is_(?!IsNot$).*",
    "core/ReplaceComparisonOperator_IsNot_(?!Is$).*",
    "core/ReplaceUnaryOperator_(UAdd|Invert)_.*",
    "core/ReplaceUnaryOperator_.*_(UAdd|Invert)",
    "core/RemoveDecorator",
    "core/ExceptionReplacer",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what, and whether a test noticed it."""

    place: str
    change: str
    killed: bool


def main() -> int:
    """Run what is left to run; 1 when more survive than the reasons explain."""
    _prepare()
    subprocess.run([_program(), "exec", "session.toml", str(SESSION)], cwd=COPY, check=True)
    mutants = list(_results())
    expected = yaml.safe_load(EXPECTED.read_text(encoding="utf-8")) or {}
    survivors = [m for m in mutants if not m.killed]
    unexplained = [m for m in survivors if m.place not in expected]
    for mutant in survivors:
        reason = expected.get(mutant.place, "UNEXPLAINED")
        print(f"{mutant.place}: {reason}\n{mutant.change}\n")  # noqa: T201 - its report
    killed = 1 - len(survivors) / max(len(mutants), 1)
    print(f"{len(mutants)} changes, {killed:.1%} noticed")  # noqa: T201 - its report
    return int(killed < LEAST_KILLED and bool(unexplained))


def _prepare() -> None:
    """A fresh copy and session, unless those of the same sources are there."""
    mark = COPY / "sources.sha256"
    now = _digest()
    if mark.exists() and mark.read_text() == now and SESSION.exists():
        return
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, COPY / name, ignore=ignored)
        else:
            shutil.copy(source, COPY / name)
    (COPY / "session.toml").write_text(_configuration(), encoding="utf-8")
    # Tests that fail without a change would kill every mutant.
    subprocess.run([_program(), "baseline", "session.toml"], cwd=COPY, check=True)
    subprocess.run([_program(), "init", "session.toml", str(SESSION)], cwd=COPY, check=True)
    subprocess.run(
        [_program().replace("cosmic-ray", "cr-filter-operators"), str(SESSION), "session.toml"],
        cwd=COPY,
        check=True,
    )
    mark.write_text(now)


def _digest() -> str:
    found = hashlib.sha256()
    for name in (*MODULES, *TESTS):
        found.update((ROOT / name).read_bytes())
    return found.hexdigest()


def _configuration() -> str:
    # The copy comes first on the path: the package that is installed must not be tested instead.
    command = (
        f"env PYTHONPATH={COPY / 'stats'}:{COPY / 'clients'} OPENBLAS_NUM_THREADS=1"
        f" {sys.executable} -m pytest -x -q -p no:cacheprovider"
        f" --override-ini=addopts= {' '.join(TESTS)}"
    )
    modules = ", ".join(json.dumps(name) for name in MODULES)
    return (
        "[cosmic-ray]\n"
        f"module-path = [{modules}]\n"
        "timeout = 120.0\n"
        "excluded-modules = []\n"
        f"test-command = {json.dumps(command)}\n"
        "[cosmic-ray.filters.operators-filter]\n"
        f"exclude-operators = {json.dumps(LEFT_OUT)}\n"
        "[cosmic-ray.distributor]\n"
        'name = "local"\n'
    )


# What the tool writes is JSON of its own.
def _results() -> Iterator[Mutant]:
    dumped = subprocess.run(
        [_program(), "dump", str(SESSION)], capture_output=True, text=True, check=True
    ).stdout
    for line in dumped.splitlines():
        work, result = json.loads(line)
        if result is not None and result["worker_outcome"] != "skipped":
            yield _mutant(work, result)


def _mutant(work: dict[str, Any], result: dict[str, Any]) -> Mutant:
    mutation = work["mutations"][0]
    place = f"{mutation['module_path']}:{mutation['start_pos'][0]}"
    killed = result["test_outcome"] != "survived"
    return Mutant(place, f"{mutation['operator_name']}\n{result.get('diff') or ''}", killed)


def _program() -> str:
    return os.fspath(Path(sys.executable).parent / "cosmic-ray")


if __name__ == "__main__":
    sys.exit(main())

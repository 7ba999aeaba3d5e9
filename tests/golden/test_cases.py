"""Every case of every golden file holds: papers, R, rpact, scipy, statsmodels and others agree."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.methods import METHODS
from tests.golden.run import answer, matches

# The other JSON files beside these hold buckets, not cases of methods.
FILES = ("stats", "more_stats", "sequential", "more_sequential")
CASES = [
    pytest.param(case, id=f"{name}:{case['id']}")
    for name in FILES
    for case in json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_case_holds(case: dict[str, Any]) -> None:
    got = answer(case, METHODS)

    assert matches(case["expected"], got, case["tol"]), got


def test_no_file_of_cases_is_forgotten() -> None:
    found = set()
    for file in Path(__file__).parent.glob("*.json"):
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, list) and content and "method" in content[0]:
            found.add(file.stem)

    assert found == set(FILES)

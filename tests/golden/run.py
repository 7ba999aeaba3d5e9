"""Prove our methods against cases with sources: `python -m tests.golden.run FILE`."""

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.golden.forms import Forms
from tests.golden.methods import METHODS

# The cases are JSON of many shapes: this module is the seam, so `Any` stands for one JSON value.
Json = Any


def matches(expected: Json, got: Json, tol: float) -> bool:
    """Every expected number is there, within `tol` of it or, above 1, within `tol` of its size."""
    if isinstance(got, Forms):
        return any(matches(expected, form, tol) for form in got)
    match expected:
        case dict():
            return isinstance(got, Mapping) and all(
                name in got and matches(value, got[name], tol) for name, value in expected.items()
            )
        case list():
            same_length = isinstance(got, list | tuple) and len(got) == len(expected)
            return same_length and all(map(matches, expected, got, [tol] * len(expected)))
        case bool() | None:
            return got is expected
        case "inf" | "-inf" | "nan" | int() | float():
            return _close(float(expected), got, tol)
        case _:
            return bool(got == expected)


def _close(expected: float, got: Json, tol: float) -> bool:
    if isinstance(got, bool) or not isinstance(got, int | float | str):
        return False
    try:
        number = float(got)
    except ValueError:
        return False
    if math.isnan(expected) or math.isinf(expected):
        return number == expected or (math.isnan(number) and math.isnan(expected))
    return abs(number - expected) <= tol * max(1.0, abs(expected))


def answer(case: Mapping[str, Json], methods: Mapping[str, Callable[..., Json]]) -> Json:
    """What our method says to the case's input; infinities arrive as the word "inf"."""
    return _plain(methods[case["method"]](**_numbers(case["input"])))


def _numbers(value: Json) -> Json:
    match value:
        case dict():
            return {name: _numbers(inner) for name, inner in value.items()}
        case list():
            return [_numbers(inner) for inner in value]
        case "inf" | "-inf":
            return float(value)
        case _:
            return value


def _plain(value: Json) -> Json:
    """Numpy numbers and arrays as Python's, so that they print and compare alike."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Forms):
        return Forms(map(_plain, value))
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.tolist() if hasattr(value, "tolist") else value


def run(cases: list[dict[str, Json]]) -> dict[str, int]:
    """Print one line a case; return how many passed, failed and were unsupported."""
    counts = {"passed": 0, "failed": 0, "unsupported": 0}
    for case in cases:
        outcome, got = "unsupported", None
        if case["method"] in METHODS:
            try:
                got = answer(case, METHODS)
                ok = matches(case["expected"], got, case["tol"])
            except Exception as error:  # noqa: BLE001, RUF100 - one broken case must not hide the others
                got, ok = f"{type(error).__name__}: {error}", False
            outcome = "passed" if ok else "failed"
        counts[outcome] += 1
        word = {"passed": "ok", "failed": "FAILED", "unsupported": "unsupported"}[outcome]
        print(f"{case['id']}: got {got}, expected {case['expected']}: {word}")  # noqa: T201 - its output
    return counts


def main(argv: list[str]) -> int:
    """Run the cases of one file; 1 if any failed."""
    if len(argv) != 1:
        print("usage: python -m tests.golden.run FILE", file=sys.stderr)  # noqa: T201 - its output
        return 2
    counts = run(json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    print(", ".join(f"{number} {word}" for word, number in counts.items()))  # noqa: T201 - its output
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

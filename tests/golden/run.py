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

# Words about a case, which no method takes.
REMARKS = {"note", "notes", "comment"}
LARGE = 2**31


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
        case int() | float():
            return _close(float(expected), got, tol)
        case str() if _is_number_word(expected):
            return _close(float(expected), got, tol)
        case _:
            return bool(got == expected)


def _is_number_word(text: str) -> bool:
    """Infinities and NaN, as JSON writers spell them: "inf", "-Inf", "Infinity", "NaN"."""
    return text.strip().lower().lstrip("+-") in {"inf", "infinity", "nan"}


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
    """What our method says to the case's input; infinities arrive as words, remarks do not."""
    said = {name: value for name, value in case["input"].items() if name not in REMARKS}
    return _plain(methods[case["method"]](**_numbers(said)))


def _numbers(value: Json) -> Json:
    match value:
        case dict():
            return {name: _numbers(inner) for name, inner in value.items()}
        case list():
            return [_numbers(inner) for inner in value]
        case str() if _is_number_word(value):
            return float(value)
        case float() if value.is_integer() and abs(value) < LARGE:
            return int(value)  # JSON knows no difference, and looks are counted in whole numbers
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


def judged(case: Json) -> tuple[str, str]:
    """Outcome and line of one case; whatever is wrong with a case, it is told and not raised."""
    name, expected, got = case, None, None
    try:
        name, expected = case["id"], case["expected"]
        if case["method"] not in METHODS:
            return "unsupported", f"{name}: got None, expected {expected}: unsupported"
        got = answer(case, METHODS)
        ok = matches(expected, got, float(case.get("tol", 1e-6)))
    except Exception as error:  # noqa: BLE001, RUF100 - one broken case must not hide the others
        got, ok = f"{type(error).__name__}: {error}", False
    line = f"{name}: got {got}, expected {expected}: {'ok' if ok else 'FAILED'}"
    return "passed" if ok else "failed", " ".join(line.split())


def run(cases: list[Json]) -> dict[str, int]:
    """Print one line a case; return how many passed, failed and were unsupported."""
    counts = {"passed": 0, "failed": 0, "unsupported": 0}
    for case in cases:
        outcome, line = judged(case)
        counts[outcome] += 1
        print(line)  # noqa: T201 - its output
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

"""The golden runner tells truly what holds, what does not, and what it does not know."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.run import main, matches


def test_a_wrong_number_a_missing_one_and_a_strange_method_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wilson = {"method": "wilson", "input": {"x": 4, "n": 20}, "tol": 1e-6}
    cases = [
        {"id": "right", "expected": {"ci": [0.0806576626, 0.4160174323]}, **wilson},
        {"id": "wrong", "expected": {"ci": [0.09, 0.4160174323]}, **wilson},
        {"id": "short", "expected": {"ci": [0.0806576626]}, **wilson},
        {"id": "missing", "expected": {"median": 0.2}, **wilson},
        {"id": "strange", "expected": {}, **wilson, "method": "magic"},
        {"id": "broken", "expected": {}, **wilson, "input": {"x": 4, "n": 0}},
    ]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases), encoding="utf-8")

    code = main([str(file)])

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[-1] == "1 passed, 4 failed, 1 unsupported"
    assert [line.rsplit(": ", 1)[1] for line in lines[:-1]] == [
        "ok", "FAILED", "FAILED", "FAILED", "unsupported", "FAILED",
    ]  # fmt: skip
    assert "TooFewUnits" in lines[5]


def test_no_malformed_case_stops_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"id": "ok", "method": "wilson", "input": {"x": 4.0, "n": 20, "note": "a remark"}}
    interval = {"ci": [0.0806576626, 0.4160174323]}
    cases = [
        7,
        None,
        "text",
        {"method": "wilson"},
        {**good, "tol": 1e-6},
        {**good, "expected": interval, "input": [4, 20]},
        {**good, "expected": interval, "method": ["wilson"]},
        {**good, "expected": interval, "input": {"x": 4, "n": "two\nlines"}},
        {**good, "expected": interval},
    ]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases), encoding="utf-8")

    main([str(file)])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(cases) + 1
    assert lines[-1] == "1 passed, 8 failed, 0 unsupported"


def test_words_and_infinities_are_compared_as_what_they_mean() -> None:
    assert matches({"ci": [0.5, "inf"], "ok": True}, {"ci": (0.5, float("inf")), "ok": True}, 1e-9)
    assert not matches("inf", 1e300, 1e-9)
    assert not matches(1.0, "high", 1e-9)
    assert not matches(1.0, True, 1e-9)
    assert not matches(1.0, float("nan"), 1e-9)
    assert matches("nan", float("nan"), 1e-9)
    assert matches(["Inf", "-Infinity"], [float("inf"), float("-inf")], 1e-9)
    assert matches("stop", "stop", 1e-9)
    assert not matches("stop", "go", 1e-9)


def test_the_runner_is_a_command() -> None:
    usage = subprocess.run(
        [sys.executable, "-m", "tests.golden.run"], capture_output=True, text=True, check=False
    )

    assert usage.returncode == 2
    assert "usage" in usage.stderr

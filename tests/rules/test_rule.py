"""The written rule: one look log each, and the verdict that the rule gives."""

from collections.abc import Mapping
from typing import Any

import pytest
from fairlift_stats.verdict import decide

from tests.rules.situations import name_of, situation, table

LINES = table()


@pytest.mark.parametrize("line", LINES, ids=name_of)
def test_the_verdict_is_that_of_the_written_rule(line: Mapping[str, Any]) -> None:
    expected = situation(line)

    verdict = decide(expected.plan, expected.log)

    assert (verdict.kind, verdict.cause) == (expected.verdict, expected.cause)
    assert (verdict.decided_day, verdict.advised_day) == (expected.decided, expected.advised)
    assert verdict.variant == expected.variant


def test_no_two_situations_have_one_name() -> None:
    names = [name_of(line) for line in LINES]

    assert len(names) == len(set(names)) > 80

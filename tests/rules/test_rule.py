"""The written rule: one look log each, and the verdict that the rule gives."""

import pytest
from fairlift_stats.verdict import decide

from tests.rules.situations import Situation, situations

SITUATIONS = tuple(situations())


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_verdict_is_that_of_the_written_rule(situation: Situation) -> None:
    verdict = decide(situation.plan, situation.log)

    assert (verdict.kind, verdict.cause) == (situation.verdict, situation.cause)
    assert verdict.decided_day == situation.decided
    if situation.advised is not None:
        assert verdict.advised_day == situation.advised
    if situation.variant is not None:
        assert verdict.variant == situation.variant


def test_no_two_situations_have_one_name() -> None:
    names = [situation.name for situation in SITUATIONS]

    assert len(names) == len(set(names)) > 80

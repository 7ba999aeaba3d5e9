"""Which cause speaks first, and of which arm, from what every comparison does."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialPlan
from fairlift_stats.verdict.ruling import Course, Ruling, course_of, standing_ruling

from tests.stats.sequential.shop import CR, RPV, evidence, look, plan

ARMS = ("control", "a", "b")


def course(made: SequentialPlan, *days: tuple[int, dict[str, float]]) -> Course:
    """After looks on these days with a z for each arm on conversion."""
    log = LookLog.begin(made)
    for day, zs in days:
        found = (evidence("conversion_rate", arm, z, day) for arm, z in zs.items())
        log = log.add(made, look(made, day, *found))
    return course_of(made, log)


@pytest.mark.parametrize(
    ("evidence_of_split", "cause"),
    [(math.log(100.0), "split"), (math.nextafter(math.log(100.0), 0.0), "won")],
)
def test_a_split_is_broken_from_an_evidence_of_a_hundred(
    evidence_of_split: float, cause: str
) -> None:
    made = course(plan(), (7, {"coupon": 6.0}))

    assert standing_ruling(replace(made, log_e=(evidence_of_split,))).cause == cause


def test_a_split_that_was_broken_once_stays_broken() -> None:
    made = course(plan(), (3, {"coupon": 6.0}), (7, {"coupon": 6.0}))

    assert standing_ruling(replace(made, log_e=(5.0, 0.0))) == Ruling(
        "split", "coupon", "conversion_rate", 1
    )


def test_when_all_arms_are_out_the_one_furthest_below_is_named() -> None:
    made = plan(arms=ARMS, futility=None, n_max=56_000)

    assert standing_ruling(course(made, (7, {"a": -6.0, "b": -7.0}))).arm == "b"
    assert standing_ruling(course(made, (7, {"a": -7.0, "b": -6.0}))).arm == "a"
    # By the look that first showed each of them to harm.
    by_day = course(made, (7, {"a": -6.0, "b": 0.0}), (14, {"a": -9.0, "b": -6.5}))
    assert standing_ruling(by_day) == Ruling("harm", "b", "conversion_rate", 1)


def test_a_guardrail_s_harm_is_weighed_by_its_own_z() -> None:
    made = plan(arms=ARMS, metrics=(CR, RPV), futility=None, n_max=56_000)
    rails = (
        evidence("revenue_per_visitor", arm, z, 7, se=0.05, control=2.0, events=(500, 500))
        for arm, z in (("a", -9.0), ("b", -60.0))
    )
    log = LookLog.begin(made).add(made, look(made, 7, *rails))

    found = standing_ruling(course_of(made, log))

    assert (found.cause, found.arm) == ("guardrail_harm", "b")


def test_the_leader_is_the_arm_with_the_largest_z_until_one_has_won() -> None:
    made = plan(arms=ARMS, futility=None, n_max=56_000)

    assert standing_ruling(course(made, (7, {"a": 0.5, "b": 0.4}))).arm == "a"
    assert standing_ruling(course(made, (7, {"a": -0.5, "b": 0.4}))).arm == "b"
    # An arm that cannot be compared leads nobody.
    assert standing_ruling(course(made, (7, {"b": -1.0}))).arm == "b"
    assert standing_ruling(course(made, (7, {"a": -1.0}))).arm == "a"


def test_the_first_harm_of_an_arm_is_the_one_that_counts() -> None:
    made = plan(arms=ARMS, futility=None, n_max=56_000)
    one_out = course(made, (3, {"a": -9.0, "b": 0.0}), (7, {"a": 6.0, "b": 0.0}))

    # An arm that was shown to harm does not come back.
    assert (standing_ruling(one_out).cause, standing_ruling(one_out).arm) == ("running", "b")

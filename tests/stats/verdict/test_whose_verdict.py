"""Of several arms and metrics: which one a ruling names, and which harm counts."""

from collections.abc import Mapping

from fairlift_stats.sequential.looks import LookLog
from fairlift_stats.sequential.plan import SequentialMetric
from fairlift_stats.verdict.ruling import Course, Ruling, course_of, rulings, standing_ruling

from tests.stats.sequential.shop import CR, RPV, evidence, look, plan

ARMS = ("control", "a", "b")
BROKEN = 5.0
Figures = Mapping[str, tuple[float, float]]


def course(
    *days: tuple[int, Figures, Figures], log_e: tuple[float, ...] | None = None, arms: int = 3
) -> Course:
    """After looks with (z, standard error) for arms on conversion, and on the guardrail."""
    made = plan(arms=ARMS[:arms], metrics=(CR, RPV), futility=None, n_max=56_000)
    log = LookLog.begin(made)
    for day, primary, rail in days:
        found = [
            evidence("conversion_rate", arm, z, day, se=se) for arm, (z, se) in primary.items()
        ]
        found += [
            evidence(RPV.name, arm, z, day, se=se, control=2.0, events=(500, 500))
            for arm, (z, se) in rail.items()
        ]
        log = log.add(made, look(made, day, *found))
    found_course = course_of(made, log)
    if log_e is None:
        return found_course
    return Course(
        made, found_course.looks, found_course.occasions, found_course.arms,
        found_course.guardrails, found_course.alarms, log_e,
    )  # fmt: skip


# The larger z, and the larger difference.
SURE, LARGE = (6.0, 0.001), (5.5, 0.01)


def test_a_broken_split_is_told_of_the_best_winner_and_not_of_the_largest_z() -> None:
    at_once = course((7, {"a": SURE, "b": LARGE}, {}), log_e=(BROKEN,))
    later = course(
        (7, {"a": SURE, "b": LARGE}, {}), (8, {"a": SURE, "b": LARGE}, {}), log_e=(0.0, BROKEN)
    )

    # Unsafe guardrails keep the first look of the second course from being final.
    assert [ruling.cause for ruling in rulings(later)] == ["unsafe", "split"]
    assert standing_ruling(at_once) == Ruling("split", "b", "conversion_rate", 0)
    assert standing_ruling(later) == Ruling("split", "b", "conversion_rate", 1)


def test_who_has_not_won_does_not_lead_by_a_large_difference() -> None:
    found = course((7, {"a": SURE, "b": (1.0, 0.1)}, {}), log_e=(BROKEN,))

    assert standing_ruling(found).arm == "a"


def test_a_winner_that_cannot_be_compared_any_more_leads_nobody() -> None:
    found = course((7, {"a": SURE, "b": (0.1, 0.004)}, {}), (8, {"b": (0.2, 0.004)}, {}))

    assert [(ruling.cause, ruling.arm) for ruling in rulings(found)] == [
        ("unsafe", "a"),
        ("running", "b"),
    ]


def test_at_one_look_a_primary_comes_before_a_guardrail_that_fell_further() -> None:
    found = course((7, {"a": (-5.0, 0.004)}, {"a": (-60.0, 0.05)}), arms=2)

    assert standing_ruling(found) == Ruling("harm", "a", "conversion_rate", 0)


def test_an_arm_is_out_by_the_harm_that_showed_first_and_not_by_the_largest() -> None:
    found = course(
        (3, {"a": (-6.0, 0.004), "b": (0.0, 0.004)}, {}),
        (7, {"a": (-6.0, 0.004), "b": (-7.0, 0.004)}, {"a": (-60.0, 0.05)}),
    )

    # a fell to -6 on day 3, and b to -7 on day 7; the guardrail came after.
    assert standing_ruling(found) == Ruling("harm", "b", "conversion_rate", 1)


def test_of_two_metrics_that_won_the_first_of_the_plan_is_named() -> None:
    cart = SequentialMetric("cart_rate")
    made = plan(metrics=(CR, cart), futility=None)
    found = (
        evidence("conversion_rate", "coupon", 5.0, 7, se=0.001),
        evidence("cart_rate", "coupon", 9.0, 7, se=0.1),
    )
    log = LookLog.begin(made).add(made, look(made, 7, *found))

    assert standing_ruling(course_of(made, log)) == Ruling("won", "coupon", "conversion_rate", 0)

"""The built-in conversion alarm, against scipy's binomial distribution and lines by hand."""

import math
from dataclasses import replace

import pytest
from fairlift_stats.sequential.calendar import Closing
from fairlift_stats.sequential.looks import ArmCount, Look, LookLog
from fairlift_stats.sequential.plan import SequentialMetric, SequentialPlan
from fairlift_stats.verdict.guardrails import AlarmAt, alarms_of
from scipy.optimize import brentq
from scipy.stats import binom, multivariate_normal, norm

from tests.stats.verdict.standings import CONVERSION, plan

Counts = tuple[tuple[int, int] | None, ...]


def daily_error(t: float, *, shared: int = 2) -> float:
    """.04 of the harm error of .025, shared with the primaries and over treatments; Pocock-type."""
    return 0.04 * 0.025 / shared * math.log1p((math.e - 1) * min(t, 1.0))


def watched(
    made: SequentialPlan, *days: Counts, closing: Closing | None = None
) -> tuple[AlarmAt, ...]:
    """The alarm of the last arm after days with these (buyers, units) within a day, by arm."""
    log = LookLog.begin(made)
    for day, counts in enumerate(days, start=1):
        entries = tuple(
            ArmCount(arm, 500 * day, 15, 15, None, *(pair[::-1] if pair else (None, None)))
            for arm, pair in zip(made.arms, counts, strict=True)
        )
        is_last = day == len(days)
        log = log.add(
            made, Look(f"2026-11-{day:02}", day, entries, (), closing if is_last else None)
        )
    return alarms_of(made, log, made.arms[-1])


def exact_deviate(control: tuple[int, int], treatment: tuple[int, int]) -> float:
    share = treatment[1] / (treatment[1] + control[1])
    return float(norm.ppf(binom.cdf(treatment[0], treatment[0] + control[0], share)))


@pytest.mark.parametrize("units", [(500, 500), (900, 300), (200, 1000)])
@pytest.mark.parametrize("bought", [25, 60])
def test_it_is_raised_beyond_the_line_of_a_first_look(units: tuple[int, int], bought: int) -> None:
    made = plan(n_max=28_000)
    line = norm.ppf(daily_error(sum(units) / 28_000))
    raised = []
    for treatment in range(bought + 1):
        control = (bought - treatment, units[0])
        found = watched(made, (control, (treatment, units[1])))[0]
        assert found.rates is not None
        assert (found.rates.xt, found.rates.nt, found.rates.xc, found.rates.nc) == (
            treatment, units[1], bought - treatment, units[0],
        )  # fmt: skip
        raised.append(found.is_raised)
        assert found.is_raised == (exact_deviate(control, (treatment, units[1])) <= line)
    assert not raised[-1]
    assert raised.count(True) in range(bought)
    assert raised == sorted(raised, reverse=True)


def test_each_day_has_its_part_and_pays_only_for_itself() -> None:
    """The second line by the joint distribution of two looks at 1/28 and 10/28."""
    made = plan()
    first = norm.ppf(daily_error(1 / 28))
    both = multivariate_normal([0, 0], [[1, math.sqrt(0.1)], [math.sqrt(0.1), 1]])

    def spare(line: float) -> float:
        # Not low at the first look, and then low.
        low_later = norm.cdf(line) - both.cdf([first, line])
        return float(low_later - (daily_error(10 / 28) - daily_error(1 / 28)))

    second = brentq(spare, -6.0, -2.0)
    quiet = ((15, 500), (15, 500))
    for treatment in range(40):
        counts = ((120 - treatment, 5000), (treatment, 5000))
        found = watched(made, quiet, counts)
        assert [at.is_raised for at in found] == [
            False,
            exact_deviate(*counts) <= second,
        ]


@pytest.mark.parametrize(
    ("bought", "is_raised"), [((24, 0), False), ((25, 0), True), ((0, 25), False)]
)
def test_it_watches_from_the_minimum_of_both_arms_together(
    bought: tuple[int, int], is_raised: bool
) -> None:
    counts = ((bought[0], 500), (bought[1], 500))

    assert watched(plan(), counts)[0].is_raised == is_raised
    patient = plan(minimum_converters=26)
    assert not watched(patient, counts)[0].is_raised


def test_a_day_below_the_minimum_pays_nothing() -> None:
    """The second day's line is that of a first look: day 1 had too few."""
    line = norm.ppf(daily_error(2000 / 28_000))
    for treatment in range(20):
        counts = ((50 - treatment, 1000), (treatment, 1000))
        found = watched(plan(), ((8, 500), (8, 500)), counts)[1]
        assert found.is_raised == (exact_deviate(*counts) <= line)


def test_units_of_all_arms_bring_its_information_and_comparisons_share_its_error() -> None:
    metrics = (CONVERSION, SequentialMetric("cart_rate"))
    made = plan(arms=("control", "other", "coupon"), metrics=metrics)
    # Two treatments, each with two primaries and the alarm: six parts.
    for other, t in (((900, 2000), 3000), (None, 1000), ((0, 0), 1000)):
        line = norm.ppf(daily_error(t / 28_000, shared=6))
        for treatment in range(15):
            control, coupon = (40 - treatment, 500), (treatment, 500)
            found = watched(made, (control, other, coupon))[0]
            assert found.is_raised == (exact_deviate(control, coupon) <= line)


@pytest.mark.parametrize(
    "counts",
    [
        (None, (0, 500)),
        ((30, 500), None),
        ((30, 500), (0, 0)),
        ((0, 0), (30, 500)),
        (None, None),
    ],
)
def test_where_it_was_not_counted_or_nobody_is_in_it_stays_quiet(counts: Counts) -> None:
    found = watched(plan(), counts)[0]

    assert (found.rates, found.is_raised) == (None, False)


def test_a_day_that_was_not_counted_pays_nothing() -> None:
    line = norm.ppf(daily_error(1000 / 28_000))
    for treatment in range(12):
        counts = ((30 - treatment, 500), (treatment, 500))
        found = watched(plan(), (None, None), counts)[1]
        assert found.is_raised == (exact_deviate(*counts) <= line)


def test_the_last_look_of_sealed_days_has_what_is_left_and_one_that_a_person_chose_has_not() -> (
    None
):
    short = plan(maximum_days=1, minimum_days=0)
    everything, part = norm.ppf(daily_error(1.0)), norm.ppf(daily_error(1 / 28))
    differ = 0
    for treatment in range(20):
        counts = ((40 - treatment, 500), (treatment, 500))
        deviate = exact_deviate(*counts)
        assert watched(short, counts)[0].is_raised == (deviate <= everything)
        assert watched(plan(), counts, closing="stopped")[0].is_raised == (deviate <= part)
        differ += part < deviate <= everything
    assert differ


def test_it_watches_conversion_whatever_the_plan_decides_by() -> None:
    refunds = SequentialMetric("refund_rate", direction="lower")
    made = replace(plan(), metrics=(refunds,))

    assert watched(made, ((30, 500), (0, 500)))[0].is_raised
    assert not watched(made, ((0, 500), (30, 500)))[0].is_raised


@pytest.mark.parametrize("other", [None, (0, 0)])
def test_its_information_is_that_of_the_units_that_were_counted(
    other: tuple[int, int] | None,
) -> None:
    """1,000 units are just enough in one plan, and not in one that is .05 % larger."""
    tail = binom.cdf(7, 40, 0.5)
    # The size of plan at which tail = error * ln(1 + (e - 1) t) for t = 1,000/size.
    size = 1000 * (math.e - 1) / math.expm1(tail / (0.04 * 0.025 / 4))
    counts = ((33, 500), other, (7, 500))

    for n_max, is_raised in ((math.floor(size), True), (math.ceil(size * 1.0005), False)):
        made = plan(arms=("control", "other", "coupon"), n_max=n_max)
        assert watched(made, counts)[0].is_raised == is_raised

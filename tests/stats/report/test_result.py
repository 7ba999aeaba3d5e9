"""A result is a view: it reads as plain fields, and says nothing that an arm cannot know."""

from fairlift_stats import Analysis, Mean, Quantile, QuantileArm, Rate, compare

from tests.stats.reports import CONVERSION, GOOD, REVENUE, arm_of, three_arms


def test_a_result_shows_its_fields() -> None:
    result = compare(CONVERSION, GOOD, arm_of(100, 30, 900.0, 70_000.0))

    shown = repr(result)

    assert shown.startswith("Result(metric='conversion_rate', role='primary', variant='treatment'")
    assert repr(result.lift) in shown
    assert f"p_value={result.p_value!r}" in shown
    assert result.n == 200


def test_an_arm_says_only_what_it_knows() -> None:
    empty = compare(Rate("r", "orders", of="converted"), GOOD, arm_of(100, 0)).treatment
    single = compare(Mean("m", "revenue"), GOOD, arm_of(1, 1, 50.0, 2500.0)).treatment
    whole = compare(Mean("m", "revenue"), GOOD, GOOD).treatment

    assert (empty.estimate, empty.interval) == (None, None)
    assert (single.estimate, single.interval) == (50.0, None)
    assert whole.interval is not None
    assert whole.interval.low < 6.0 < whole.interval.high


def test_third_moments_beside_a_quantile_raise_no_flag() -> None:
    arms = three_arms()
    middle = Quantile("middle", 0.5)
    given = {name: {"middle": QuantileArm(4000, 0.5, 9.0, 8.5, 9.4)} for name in arms}

    report = Analysis(primary=(middle, REVENUE)).report(arms, given)

    assert report["middle", "b"].flags == ()

"""One function for the limits of a lift, one for non-inferiority, against their formulas."""

import math

import numpy as np
import pytest
from fairlift_stats import Analysis, BadQuestion, Guardrail, Mean, Rate, Summary
from fairlift_stats.effects import CannotSay, CannotSayCode, Effect
from fairlift_stats.methods.contrast import Contrast, Margin
from fairlift_stats.methods.two_rates import TwoRates
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

PLAIN = Contrast(2.0, 2.2, 0.0016, 0.0025, 0.0003)
RATES = Contrast(
    0.03, 0.06, 0.03 * 0.97 / 1000, 0.06 * 0.94 / 1000, rates=TwoRates(60, 1000, 30, 1000)
)


def z_of_ratio(contrast: Contrast, ratio: float) -> float:
    """How many standard errors m_t - R m_c is from zero: Fieller (1954)."""
    spread = (
        contrast.treatment_variance
        - 2 * ratio * contrast.covariance
        + ratio**2 * contrast.control_variance
    )
    return (contrast.treatment - ratio * contrast.control) / math.sqrt(spread)


@settings(max_examples=200, deadline=None)
@given(
    k=st.floats(-6, 6).filter(lambda k: abs(k) > 1e-6),
    treatment=st.floats(0.2, 6.0),
    cov=st.floats(-0.0015, 0.0015),
)
def test_the_limit_of_a_lift_is_the_ratio_whose_z_is_k(
    k: float, treatment: float, cov: float
) -> None:
    contrast = Contrast(2.0, treatment, 0.0016, 0.0025, cov)

    limit = contrast.lift_limit(k)

    assert z_of_ratio(contrast, 1 + limit) == pytest.approx(k, abs=1e-6)
    assert (limit < contrast.lift) == (k > 0)


@pytest.mark.parametrize("k", [-4.2, -1.96, -0.3, 0.3, 1.96, 4.2])
def test_limits_of_rates_invert_the_score_statistic(k: float) -> None:
    """By the constrained maximum found with a general optimiser, not by our formulas."""
    rates = RATES.rates
    assert rates is not None

    def score(constrain: "tuple[float, str]") -> float:
        value, kind = constrain

        def treated(pc: float) -> float:
            return pc * value if kind == "ratio" else pc + value

        def loss(pc: float) -> float:
            pt = treated(pc)
            if not (0 < pt < 1 and 0 < pc < 1):
                return 1e12
            return -float(
                rates.xt * math.log(pt)
                + (rates.nt - rates.xt) * math.log1p(-pt)
                + rates.xc * math.log(pc)
                + (rates.nc - rates.xc) * math.log1p(-pc)
            )

        pc = optimize.minimize_scalar(
            loss, bounds=(1e-4, 0.2), method="bounded", options={"xatol": 1e-12}
        ).x
        pt = treated(pc)
        weight = value if kind == "ratio" else 1.0
        shift = 0.0 if kind == "ratio" else value
        variance = pt * (1 - pt) / rates.nt + weight**2 * pc * (1 - pc) / rates.nc
        variance *= 2000 / 1999  # Miettinen and Nurminen's N/(N - 1)
        return float((0.06 - weight * 0.03 - shift) / math.sqrt(variance))

    assert score((1 + RATES.lift_limit(k), "ratio")) == pytest.approx(k, abs=2e-4)
    assert score((RATES.difference_limit(k), "difference")) == pytest.approx(k, abs=2e-4)


def test_at_no_distance_stands_the_estimate_itself_and_at_an_endless_one_the_end() -> None:
    for contrast in (PLAIN, RATES):
        assert contrast.lift_limit(0.0) == pytest.approx(contrast.lift)
        assert contrast.difference_limit(0.0) == pytest.approx(contrast.difference)
    assert (RATES.lift_limit(math.inf), RATES.lift_limit(-math.inf)) == (-1.0, math.inf)
    assert (RATES.difference_limit(math.inf), RATES.difference_limit(-math.inf)) == (-1.0, 1.0)
    assert PLAIN.lift_limit(math.inf) == -math.inf
    assert PLAIN.lift_limit(-math.inf) == math.inf
    assert PLAIN.difference_limit(math.inf) == -math.inf


def test_the_interval_of_record_is_that_of_the_table() -> None:
    arms = {
        "control": Summary.from_sums(1000, {"bought": 30}, {}),
        "b": Summary.from_sums(1000, {"bought": 60}, {}),
    }
    result = Analysis(primary=(Rate("conversion_rate", "bought"),)).report(arms).results[0]
    z = float(stats.norm.isf(0.025))

    assert isinstance(result.lift, Effect)
    assert RATES.lift_limit(z) == pytest.approx(result.lift.interval.low, abs=1e-9)
    assert RATES.lift_limit(-z) == pytest.approx(result.lift.interval.high, abs=1e-9)
    # Computed independently before the function was written.
    assert RATES.lift_limit(z) == pytest.approx(0.307, abs=5e-4)
    assert RATES.lift_limit(-z) == pytest.approx(2.065, abs=5e-4)
    assert result.contrast == RATES


def test_few_units_have_students_limits() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(10, 3, 8), rng.normal(12, 3, 9)
    arms = {"control": Summary.from_rows({"m": a}), "b": Summary.from_rows({"m": b})}
    result = Analysis(primary=(Mean("m", "m"),)).report(arms).results[0]
    z, contrast = float(stats.norm.isf(0.025)), result.contrast
    welch = stats.ttest_ind(b, a, equal_var=False)

    low, high = welch.confidence_interval(0.95)
    assert contrast.difference_limit(z) == pytest.approx(low)
    assert contrast.difference_limit(-z) == pytest.approx(high)
    assert isinstance(result.lift, Effect)
    assert contrast.lift_limit(z) == pytest.approx(result.lift.interval.low)
    assert contrast.df == pytest.approx(welch.df)
    # Beyond the smallest tail a deviate stays what it is.
    assert contrast.difference_limit(45.0) == pytest.approx(contrast.difference - 45 * contrast.se)


@pytest.mark.parametrize(
    ("contrast", "k", "expected"),
    [
        (Contrast(2.0, 2.2, 0.01, 0.01), 19.9, None),
        (Contrast(2.0, 2.2, 0.01, 0.01), 20.1, CannotSayCode.CONTROL_NEAR_ZERO),
        (Contrast(2.0, 2.2, 0.01, 0.01), -20.1, CannotSayCode.CONTROL_NEAR_ZERO),
        (Contrast(0.0, 2.2, 0.0, 0.01), 1.0, CannotSayCode.CONTROL_ZERO),
        (Contrast(-1.0, 2.2, 0.0001, 0.01), 1.0, CannotSayCode.NOT_POSITIVE),
        (Contrast(2.0, 0.0, 0.01, 0.0), 1.0, CannotSayCode.TREATMENT_ZERO),
        (
            Contrast(0.0, 0.1, 0.0, 0.01, rates=TwoRates(1, 10, 0, 10)),
            1.0,
            CannotSayCode.CONTROL_ZERO,
        ),
        (Contrast(0.0, 0.0, 0.0, 0.0, rates=TwoRates(0, 10, 0, 10)), 1.0, CannotSayCode.NO_EVENTS),
        (Contrast(0.1, 0.0, 0.01, 0.0, rates=TwoRates(0, 10, 1, 10)), 9.0, None),
    ],
)
def test_a_control_that_is_not_told_from_zero_has_no_lift(
    contrast: Contrast, k: float, expected: CannotSayCode | None
) -> None:
    assert contrast.no_lift(k) is expected


def test_a_lift_is_on_the_whole_page_or_nowhere() -> None:
    """The control stands 4 errors from zero: a line at 4.4 has no lift, so the table has none."""
    rows = np.tile([1.0, 1.0, 1.0, 17.0], 100)
    arms = {"control": Summary.from_rows({"m": rows}), "b": Summary.from_rows({"m": rows + 5})}
    analysis = Analysis(primary=(Mean("m", "m"),))
    near = float(arms["control"].mean("m") / math.sqrt(arms["control"].variance("m") / 400))

    alone = analysis.report(arms).results[0]
    beside = analysis.report(arms, largest_k={("m", "b"): near + 1}).results[0]
    narrower = analysis.report(arms, largest_k={("m", "b"): near / 2}).results[0]

    assert isinstance(alone.lift, Effect)
    assert isinstance(beside.lift, CannotSay)
    assert beside.lift.reason is CannotSayCode.CONTROL_NEAR_ZERO
    assert isinstance(beside.difference, Effect)
    assert narrower.lift == alone.lift


# --- non-inferiority ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("margin", "direction", "expected"),
    [
        # (m_t - .9 m_c)/sqrt(v_t + .81 v_c - 1.8 cov) and its mirror, by hand.
        (Margin(0.1), "higher", (2.2 - 1.8) / math.sqrt(0.0025 + 0.81 * 0.0016 - 1.8 * 0.0003)),
        (Margin(0.1), "lower", (2.2 - 2.2) / math.sqrt(1.0)),
        (Margin(0.2), "lower", (2.4 - 2.2) / math.sqrt(0.0025 + 1.44 * 0.0016 - 2.4 * 0.0003)),
        (Margin(0.3, is_absolute=True), "higher", (0.2 + 0.3) / math.sqrt(0.0041 - 0.0006)),
        (Margin(0.3, is_absolute=True), "lower", (0.3 - 0.2) / math.sqrt(0.0041 - 0.0006)),
    ],
)
def test_non_inferiority_is_the_z_at_the_margin(
    margin: Margin, direction: str, expected: float
) -> None:
    found = PLAIN.non_inferiority_z(margin, direction)  # type: ignore[arg-type]  # one of the two

    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_rates_are_no_worse_by_farrington_and_manning(direction: str) -> None:
    sign = 1 if direction == "higher" else -1
    relative = RATES.non_inferiority_z(Margin(0.1), direction)  # type: ignore[arg-type]
    absolute = RATES.non_inferiority_z(  # type: ignore[call-overload, unused-ignore]
        Margin(0.01, is_absolute=True),
        direction,  # type: ignore[arg-type]
    )
    assert relative is not None
    assert absolute is not None

    # The limit of the lift at that deviate is the margin itself, and so is the difference's.
    assert RATES.lift_limit(sign * relative) == pytest.approx(-sign * 0.1, abs=1e-6)
    assert RATES.difference_limit(sign * absolute) == pytest.approx(-sign * 0.01, abs=1e-6)


def test_a_share_of_a_control_at_zero_is_no_question() -> None:
    zero = Contrast(0.0, 0.48, 0.0, 0.0001)

    assert zero.non_inferiority_z(Margin(0.1), "lower") is None
    assert zero.non_inferiority_z(Margin(0.6, is_absolute=True), "lower") == pytest.approx(12.0)
    certain = Contrast(1.0, 2.0, 0.0, 0.0)
    assert certain.non_inferiority_z(Margin(0.5), "higher") == math.inf
    assert certain.non_inferiority_z(Margin(1.0, is_absolute=True), "lower") == 0.0


def test_the_table_asks_the_same_question_at_five_per_cent() -> None:
    def table(treatment: float, confidence: float = 0.95) -> bool:
        arms = {
            "control": Summary.from_sums(100, {"m": 200}, {("m", "m"): 500}),
            "b": Summary.from_sums(
                100, {"m": 100 * treatment}, {("m", "m"): 100 * treatment**2 + 100}
            ),
        }
        metric = Mean("m", "m")
        analysis = Analysis(
            primary=(Mean("x", "m"),),
            guardrails=(Guardrail(metric, absolute_margin=0.5),),
            confidence=confidence,
        )
        result = analysis.report(arms)["m", "b"].non_inferiority
        assert result is not None
        assert (result.margin, result.is_absolute) == (0.5, True)
        z = analysis.report(arms)["m", "b"].contrast.non_inferiority_z(
            Margin(0.5, is_absolute=True), "higher"
        )
        assert z is not None
        assert result.p_value == pytest.approx(stats.norm.sf(z))
        return result.holds

    assert table(1.72) is False
    assert table(1.75) is True
    # One level for table and verdict, whatever the confidence of the intervals.
    assert table(1.72, confidence=0.8) is False


@pytest.mark.parametrize(
    "margins", [{}, {"margin": 0.1, "absolute_margin": 0.1}, {"absolute_margin": 0.0}]
)
def test_a_guardrail_has_exactly_one_margin(margins: dict[str, float]) -> None:
    with pytest.raises(BadQuestion, match="margin"):
        Guardrail(Mean("m", "m"), **margins)

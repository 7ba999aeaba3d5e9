"""Two rates: score intervals and tests, exact tests, and older intervals for comparison."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from scipy.special import ndtr

from fairlift_stats.arrays import Array
from fairlift_stats.effects import Interval
from fairlift_stats.errors import BadQuestion, BadSummary
from fairlift_stats.methods import score
from fairlift_stats.methods.one_rate import check_counts, critical_z, wilson

__all__ = [
    "TwoRates",
    "agresti_caffo",
    "exact_p",
    "katz",
    "newcombe",
    "rate_non_inferior",
    "score_difference",
    "score_p",
    "score_ratio",
    "wald",
]

ExactTest: TypeAlias = Literal["fisher", "barnard", "boschloo"]
Alternative: TypeAlias = Literal["two-sided", "less", "greater"]
# Barnard and Boschloo search a nuisance parameter: beyond this many units they take seconds.
EXACT_UP_TO = 500


@dataclass(frozen=True, slots=True)
class TwoRates:
    """Successes and units of a treatment and a control.

    Raises:
        TooFewUnits, BadSummary: an arm is empty, or a count outside its units.
    """

    xt: float
    nt: float
    xc: float
    nc: float

    def __post_init__(self) -> None:
        """Refuse counts that no arm can have."""
        check_counts(self.xt, self.nt)
        check_counts(self.xc, self.nc)

    @property
    def counts(self) -> tuple[Array, Array, Array, Array]:
        """The four numbers as arrays of one."""
        xt, nt, xc, nc = np.array([[self.xt], [self.nt], [self.xc], [self.nc]], dtype=float)
        return xt, nt, xc, nc

    @property
    def difference(self) -> float:
        """p_t − p_c."""
        return self.xt / self.nt - self.xc / self.nc


def score_difference(
    rates: TwoRates, *, confidence: float = 0.95, corrected: bool = True
) -> Interval:
    """Miettinen–Nurminen interval of the difference (Mee's without the correction).

    >>> interval = score_difference(TwoRates(56, 70, 48, 80))
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0528, 0.3382)
    """
    z = np.array([[critical_z(confidence)]])
    low, high = score.limits(*rates.counts, z, corrected=corrected)[0]
    return Interval(low.item(), high.item())


def score_ratio(rates: TwoRates, *, confidence: float = 0.95, corrected: bool = True) -> Interval:
    """Miettinen–Nurminen interval of the ratio (Koopman's without the correction).

    >>> interval = score_ratio(TwoRates(36, 40, 16, 80), corrected=False)
    >>> round(interval.low, 2), round(interval.high, 2)
    (2.94, 7.15)
    """
    z = np.array([[critical_z(confidence)]])
    low, high = score.limits(*rates.counts, z, corrected=corrected)[1]
    return Interval(low.item(), high.item())


def score_p(rates: TwoRates, *, corrected: bool = True) -> tuple[float, float]:
    """Pooled z and two-sided p-value; uncorrected it is the textbook test of two proportions."""
    z = float(score.pooled_z(*rates.counts, corrected=corrected)[0])
    return z, float(2 * ndtr(-abs(z)))


def rate_non_inferior(
    rates: TwoRates,
    *,
    difference: float | None = None,
    ratio: float | None = None,
    corrected: bool = True,
) -> float:
    """One-sided p-value that the treatment is no worse than a margin.

    Args:
        rates: the counts.
        difference: the margin as p_t − p_c, e.g. −0.01.
        ratio: the margin as p_t/p_c, e.g. 0.98.
        corrected: with Miettinen and Nurminen's N/(N−1).

    Raises:
        BadQuestion: not exactly one margin, or one that no rates can reach.

    Source: Farrington and Manning (1990); checked against ratesci.
    """
    match difference, ratio:
        case float() | int(), None if -1 < difference < 1:
            z = score.difference_z(*rates.counts, np.array([difference]), corrected=corrected)
        case None, float() | int() if 0 < ratio < math.inf:
            z = score.ratio_z(*rates.counts, np.array([float(ratio)]), corrected=corrected)
        case _:
            raise BadQuestion(
                f"margin: difference={difference}, ratio={ratio}; give one of them, the difference "
                "between −1 and 1, or the ratio above 0, and finite"
            )
    return float(ndtr(-z[0]))


def exact_p(rates: TwoRates, test: ExactTest, *, alternative: Alternative = "two-sided") -> float:
    """Exact p-value for small tables; it comes with no interval.

    Fisher's fixes both margins, and is for display; Barnard's and Boschloo's have more power.

    Raises:
        BadQuestion: more than 500 units for Barnard or Boschloo, or an unknown test or alternative.
        BadSummary: a count is not whole.
    """
    from scipy import stats  # loads slowly, and few need it

    if alternative not in get_args(Alternative):
        raise BadQuestion(f"alternative: is {alternative!r}, must be in {get_args(Alternative)}")
    if any(count != int(count) for count in (rates.xt, rates.nt, rates.xc, rates.nc)):
        raise BadSummary(f"{rates}: an exact test counts whole units")
    table = np.array([[rates.xt, rates.xc], [rates.nt - rates.xt, rates.nc - rates.xc]]).astype(int)
    if test != "fisher" and rates.nt + rates.nc > EXACT_UP_TO:
        raise BadQuestion(
            f"{test}: has {rates.nt + rates.nc:.0f} units, takes at most {EXACT_UP_TO}; "
            "use the score test"
        )
    match test:
        case "fisher":
            p = stats.fisher_exact(table, alternative=alternative).pvalue
        case "barnard":
            p = stats.barnard_exact(table, alternative=alternative, n=128).pvalue
        case "boschloo":
            p = stats.boschloo_exact(table, alternative=alternative, n=128).pvalue
        case _:
            raise BadQuestion(f"test: is {test!r}, must be fisher, barnard or boschloo")
    # scipy returns NaN for a table with an empty margin, which is no evidence.
    return 1.0 if math.isnan(p) else float(p)


def newcombe(rates: TwoRates, *, confidence: float = 0.95) -> Interval:
    """Difference by squaring and adding two Wilson intervals: quick, and nearly as good as score.

    Source: Newcombe (1998), method 10; checked against his table II.
    """
    t = wilson(rates.xt, rates.nt, confidence=confidence)
    c = wilson(rates.xc, rates.nc, confidence=confidence)
    pt, pc, d = rates.xt / rates.nt, rates.xc / rates.nc, rates.difference
    return Interval(
        d - math.hypot(pt - t.low, c.high - pc), d + math.hypot(t.high - pt, pc - c.low)
    )


def wald(rates: TwoRates, *, confidence: float = 0.95) -> Interval:
    """The textbook interval of the difference, for comparison: too narrow for small counts."""
    return _plain_difference(rates.xt, rates.nt, rates.xc, rates.nc, critical_z(confidence))


def agresti_caffo(rates: TwoRates, *, confidence: float = 0.95) -> Interval:
    """The textbook interval after adding one success and one failure to each arm.

    Source: Agresti and Caffo (2000); checked against statsmodels.
    """
    z = critical_z(confidence)
    return _plain_difference(rates.xt + 1, rates.nt + 2, rates.xc + 1, rates.nc + 2, z)


def katz(rates: TwoRates, *, confidence: float = 0.95, adjusted: bool = False) -> Interval:
    """Ratio on the log scale, for comparison only: undefined at zero counts unless adjusted.

    Source: Katz et al. (1978); with ½ added (Walter 1975) if adjusted. Checked against statsmodels.
    """
    more = 0.5 if adjusted else 0.0
    xt, nt, xc, nc = rates.xt + more, rates.nt + more, rates.xc + more, rates.nc + more
    if xt == 0 or xc == 0:
        return Interval(0.0, math.inf)
    centre, error = math.log(xt / nt * nc / xc), math.sqrt(1 / xt - 1 / nt + 1 / xc - 1 / nc)
    half = critical_z(confidence) * error
    return Interval(math.exp(centre - half), math.exp(centre + half))


def _plain_difference(xt: float, nt: float, xc: float, nc: float, z: float) -> Interval:
    pt, pc = xt / nt, xc / nc
    half = z * math.sqrt(pt * (1 - pt) / nt + pc * (1 - pc) / nc)
    return Interval(pt - pc - half, pt - pc + half)

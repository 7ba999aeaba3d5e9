"""Counts of arms tell exactly, at any time, whether they still follow their shares.

One formula watches the split of visitors (sample ratio mismatch) and the split of conversions (does
one variant convert more?).

Source: Lindon & Malek (2022), Dirichlet-multinomial mixture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.special import betaln, gammaln

from fairlift_stats.effects import Interval
from fairlift_stats.sequential.anytime.mixture import tuning_constant
from fairlift_stats.sequential.errors import BadLevel, NotANumber, ZeroVariance
from fairlift_stats.sequential.numerics.roots import root

WARN_AT: Final = 20.0
BLOCK_AT: Final = 100.0


def prior_strength(planned_total: float, *, alpha: float = 0.05) -> float:
    """The k that makes these tests sharpest when this many counts are in.

    A Beta(k rho) prior on a share has the precision of k counts: r = n / k in the normal mixture.
    """
    if not (math.isfinite(planned_total) and planned_total > 0):
        raise NotANumber("planned total", "finite and above 0", planned_total)
    return planned_total / tuning_constant(alpha)


def counts_log_e(counts: Sequence[float], shares: Sequence[float], *, k: float) -> float:
    """Logarithm of the evidence that counts do not follow the shares.

    Source: Lindon & Malek (2022); checked against Optimizely's ssrm-test and savvi.

    >>> round(math.exp(counts_log_e([10250, 9750], [0.5, 0.5], k=100)), 3)
    35.365
    """
    return _counts_log_e(tuple(counts), tuple(shares), k)


# A log asks again for the counts of all its earlier looks.
@lru_cache(maxsize=4096)
def _counts_log_e(counts: tuple[float, ...], shares: tuple[float, ...], k: float) -> float:
    x, rho = np.asarray(counts, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    _check_counts(x, rho, k)
    total = x.sum()
    drawn = gammaln(k * rho + x) - gammaln(k * rho) - x * np.log(rho)
    return float(gammaln(k) - gammaln(k + total) + drawn.sum())


def _check_counts(
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
    rho: np.ndarray[tuple[int], np.dtype[np.float64]],
    k: float,
) -> None:
    if x.shape != rho.shape or x.size < 2:
        raise NotANumber("counts", f"as many as the {rho.size} shares, two or more", x.size)
    if not np.isfinite(x).all() or (x < 0).any():
        raise NotANumber("counts", "finite and 0 or more", x.tolist())
    if not np.isfinite(rho).all() or (rho <= 0).any() or abs(rho.sum() - 1) > 1e-6:
        raise NotANumber("shares", "above 0 and sum to 1", rho.tolist())
    if not (math.isfinite(k) and k > 0):
        raise NotANumber("k", "finite and above 0", k)


@dataclass(frozen=True, slots=True)
class SequentialSampleRatio:
    """Is the split of units still the planned one? Judged by the largest evidence so far.

    Attributes:
        e_value: evidence now.
        largest: the largest evidence at any look so far.
        p_value: always-valid p.
    """

    e_value: float
    largest: float
    p_value: float

    @classmethod
    def after(cls, log_e_values: Sequence[float]) -> "SequentialSampleRatio":
        """The check after these looks."""
        largest = max(log_e_values)
        return cls(_exp(log_e_values[-1]), _exp(largest), math.exp(min(0.0, -largest)))

    @property
    def warns(self) -> bool:
        """The split deserves a look: evidence of 20."""
        return self.largest >= WARN_AT

    @property
    def blocks(self) -> bool:
        """No verdict may be given: evidence of 100."""
        return self.largest >= BLOCK_AT


def sample_ratio_over_time(
    cumulative: Sequence[Sequence[float]], shares: Sequence[float], *, k: float
) -> tuple[SequentialSampleRatio, ...]:
    """The split at each look, from cumulative units per arm; once blocked it stays blocked."""
    logs = [counts_log_e(counts, shares, k=k) for counts in cumulative]
    return tuple(SequentialSampleRatio.after(logs[:look]) for look in range(1, len(logs) + 1))


def sample_ratio_by_part(
    cells: Mapping[str, Sequence[float]], shares: Sequence[float], *, k: float
) -> tuple[float, dict[str, float]]:
    """Evidence of all platforms or day cohorts together, and of each.

    The mean of e-values is an e-value whatever ties them; so a fault on one platform of five shows.

    Source: Vovk & Wang (2021), sec. 3.
    """
    if not cells:
        raise NotANumber("cells", "one or more", 0)
    each = {name: _exp(counts_log_e(counts, shares, k=k)) for name, counts in cells.items()}
    return sum(each.values()) / len(each), each


@dataclass(frozen=True, slots=True)
class ConversionTest:
    """Exact evidence on two arms' conversions, valid at any time and under any daily rhythm.

    Attributes:
        log_e: logarithm of the evidence against equal rates.
        share: interval for the probability that a converter is of the treatment.
        lift: the same as relative lift of the conversion rate.
    """

    log_e: float
    share: Interval
    lift: Interval


def conversion_test(
    control: int, treatment: int, *, treatment_share: float = 0.5, k: float, alpha: float = 0.05
) -> ConversionTest:
    """Do more visitors convert? From the converters of each arm alone; one conversion a visitor.

    Assumes that the split of visitors is as planned: bind it to the split check. A delay between
    visit and order counts as an effect.

    Raises:
        ZeroVariance: nobody has converted.

    Source: Lindon & Malek (2022); checked against savvi.
    """
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    rho = treatment_share
    log_e = counts_log_e([control, treatment], [1 - rho, rho], k=k)
    if control + treatment == 0:
        raise ZeroVariance("converters", 0)
    share = share_interval(treatment, control, prior=(k * rho, k * (1 - rho)), alpha=alpha)
    odds = (1 - rho) / rho
    top = math.inf if share.high >= 1 else share.high / (1 - share.high) * odds - 1
    return ConversionTest(log_e, share, Interval(share.low / (1 - share.low) * odds - 1, top))


def share_log_e(yes: float, no: float, share: float, *, prior: tuple[float, float]) -> float:
    """Logarithm of the evidence against one value of a share, by a beta mixture.

    Source: Robbins (1970); checked against ville's BernoulliTest.
    """
    a, b = prior
    if not (0 < a < math.inf and 0 < b < math.inf and 0 <= yes < math.inf and 0 <= no < math.inf):
        raise NotANumber(
            "prior and counts", "prior above 0, counts 0 or more, finite", (a, b, yes, no)
        )
    if not 0 < share < 1:
        raise BadLevel("share", share)
    mixed = betaln(a + yes, b + no) - betaln(a, b)
    return float(mixed - yes * math.log(share) - no * math.log1p(-share))


def share_interval(
    yes: float, no: float, *, prior: tuple[float, float], alpha: float = 0.05
) -> Interval:
    """Shares that a beta mixture has not refuted: valid at every count at once.

    Source: roots of the mixture; checked against ville's BernoulliCS and savvi.
    """
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    threshold = -math.log(alpha)
    share_log_e(yes, no, 0.5, prior=prior)  # refuses counts and priors that are none
    # Evidence is least at the observed share, and below 1 there: one end of both brackets.
    middle = min(max(yes / (yes + no), 1e-12), 1 - 1e-12) if yes + no else 0.5

    def spare(logit: float) -> float:
        share = 1 / (1 + math.exp(-logit))
        return share_log_e(yes, no, share, prior=prior) - threshold

    centre = math.log(middle / (1 - middle))
    low = _share(root(spare, -36.0, centre)) if yes and spare(-36.0) > 0 else 0.0
    high = _share(root(spare, centre, 36.0)) if no and spare(36.0) > 0 else 1.0
    return Interval(low, high)


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _exp(log: float) -> float:
    return math.exp(min(log, 700.0))

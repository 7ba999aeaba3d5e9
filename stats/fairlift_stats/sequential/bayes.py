"""Why: stopping by the loss to expect is honest only with a prior that shrinks; here is the rule.

The prior, not the threshold, makes it honest: with a flat one and daily peeking a quarter of the
shipped variants are no better, and lifts are reported ten times too large.
"""

import math

from scipy.special import ndtr

from fairlift_stats.sequential.errors import FlatPrior, NotANumber, ZeroVariance


def shrunk_lift(lift: float, se: float, *, prior_sd: float | None) -> tuple[float, float]:
    """Mean and deviation of the true lift, given its estimate and a prior N(0, prior_sd^2).

    Raises:
        FlatPrior: the prior does not shrink.
        ZeroVariance: the standard error is not positive.
    """
    if prior_sd is None or not (math.isfinite(prior_sd) and prior_sd > 0):
        raise FlatPrior(prior_sd)
    if not (math.isfinite(se) and se > 0):
        raise ZeroVariance("standard error of the lift", se)
    if not math.isfinite(lift):
        raise NotANumber("lift", "finite", lift)
    kept = prior_sd**2 / (prior_sd**2 + se**2)
    return kept * lift, math.sqrt(kept) * se


def expected_losses(mean: float, sd: float) -> tuple[float, float]:
    """What to expect to lose by choosing the treatment, and by keeping the control; normal belief.

    Source: closed form s (phi(u) - u Phi(-u)), u = mean / sd.

    >>> [round(loss, 6) for loss in expected_losses(0.002, 0.0018)]
    [0.000121, 0.002121]
    """
    if not (math.isfinite(sd) and sd > 0):
        raise ZeroVariance("deviation of the belief", sd)
    u = mean / sd
    density = math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
    return (
        max(0.0, sd * (density - u * float(ndtr(-u)))),
        max(0.0, sd * (density + u * float(ndtr(u)))),
    )

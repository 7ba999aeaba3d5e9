"""Joint probabilities of conversion, spending and revenue per visitor, by Sobol draws."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, stdtrit

from fairlift_stats.arrays import Array
from fairlift_stats.bayes.marginals import Hurdle
from fairlift_stats.data.metrics import Direction
from fairlift_stats.errors import BadQuestion

__all__ = ["RevenueDraws", "revenue_draws"]


TABLE = 4097


@dataclass(frozen=True, slots=True)
class RevenueDraws:
    """Draws from the hurdle posteriors of several arms, the control first; all (arms, draws)."""

    variants: tuple[str, ...]
    conversion: Array
    spending: Array

    @property
    def revenue(self) -> Array:
        """Revenue per visitor."""
        return self.conversion * self.spending

    def lift(self, quantity: Array, treatment: int = 1) -> Array:
        """(draws,) lift of one treatment over the control."""
        return np.asarray(quantity[treatment] / quantity[0] - 1)

    def p_joint(
        self, *, revenue_above: float, conversion_above: float, treatment: int = 1
    ) -> float:
        """P(the lift of revenue and the lift of conversion are both above these).

        E.g. revenue up and conversion not down by more than 1 %: `revenue_above=0.0,
        conversion_above=-0.01`.

        Raises:
            BadQuestion: a limit is NaN.
        """
        if math.isnan(revenue_above + conversion_above):
            raise BadQuestion(f"above {revenue_above} and {conversion_above}: must be numbers")
        both = (self.lift(self.revenue, treatment) > revenue_above) & (
            self.lift(self.conversion, treatment) > conversion_above
        )
        return float(both.mean())

    def p_best(self, direction: Direction = "higher") -> tuple[float, ...]:
        """P(each arm has the best revenue per visitor)."""
        revenue = self.revenue if direction == "higher" else -self.revenue
        winners = np.bincount(revenue.argmax(axis=0), minlength=len(self.variants))
        return tuple((winners / revenue.shape[1]).tolist())


def revenue_draws(arms: Mapping[str, Hurdle], *, seed: int, draws_log2: int = 16) -> RevenueDraws:
    """Draws from each arm's posterior of who buys and how much; the same seed, the same draws.

    Scrambled Sobol points through tabulated inverse distributions: 2^16 of them know a probability
    to about 2e-4.

    Raises:
        BadQuestion: fewer than two arms, or draws_log2 outside 8…20.
    """
    if len(arms) < 2 or not 8 <= draws_log2 <= 20:
        raise BadQuestion(
            f"{len(arms)} arms, 2^{draws_log2} draws: needs two arms or more, 2^8 to 2^20 draws"
        )
    from scipy.stats import qmc  # loads slowly, and only joint statements need it

    points = qmc.Sobol(2 * len(arms), rng=np.random.default_rng(seed)).random_base2(draws_log2).T
    conversion, spending = [], []
    for arm, u, w in zip(arms.values(), points[::2], points[1::2], strict=True):
        p = _levels()
        rates = betaincinv(arm.buying.a, arm.buying.b, p)
        money = arm.spending.centre + arm.spending.scale * stdtrit(arm.spending.df, p)
        conversion.append(np.interp(u, p, rates))
        spending.append(np.interp(w, p, money))
    return RevenueDraws(tuple(arms), np.array(conversion), np.array(spending))


def _levels() -> Array:
    """Probabilities of the table, dense where the inverse distributions are steep."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, TABLE)[1:-1]
    return np.asarray((1 + np.sin(angle)) / 2)

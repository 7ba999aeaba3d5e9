"""A change in revenue per visitor as parts: conversion, orders per buyer and average ticket."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from babel.numbers import get_currency_precision
from scipy.special import ndtri

from fairlift_stats.arrays import Array
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import Interval
from fairlift_stats.errors import NoEstimate, TooFewUnits
from fairlift_stats.messages import Amount, Listed, Message
from fairlift_stats.methods.one_rate import checked_confidence

__all__ = [
    "FACTORS",
    "Decomposition",
    "Factor",
    "decompose",
    "log_factors",
    "rounded_parts",
]


FACTORS = ("conversion", "orders per buyer", "average ticket")


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor's part in the change of revenue per visitor.

    Attributes:
        name: conversion, orders per buyer, or average ticket.
        control, treatment: its value in each arm.
        lift: treatment ÷ control − 1.
        interval: of the lift, on its own.
        joint: of the lift, so that all three hold at once.
        money: its part of the change, per visitor; the three add up to the change exactly.
    """

    name: str
    control: float
    treatment: float
    lift: float
    interval: Interval
    joint: Interval
    money: float


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The change of revenue per visitor, in three parts.

    Attributes:
        change: treatment − control, per visitor.
        factors: the three parts, in the order of FACTORS.
        covariance: (3, 3) of the three log lifts.
    """

    change: float
    factors: tuple[Factor, Factor, Factor]
    covariance: tuple[tuple[float, ...], ...]

    def message(self, currency: str) -> Message:
        """What happened; the amounts in the sentence add up to the change.

        Parts that the joint intervals tell from chance are named, those in the direction of the
        change first, the largest before the others; what remains is called the rest.
        """
        digits = get_currency_precision(currency)
        verb = "even" if abs(self.change) < 0.5 * 10**-digits else "rose"
        verb = "fell" if verb == "rose" and self.change < 0 else verb
        change = Amount(abs(self.change), currency)
        amount_of = dict(
            zip(
                self.factors,
                rounded_parts([f.money for f in self.factors], self.change, currency),
                strict=True,
            )
        )
        clear = sorted(
            # One order per buyer in both arms has no spread: rounding alone is no news.
            (f for f in self.factors if 0 not in f.joint and amount_of[f]),
            key=lambda factor: (factor.money * self.change < 0, -abs(factor.money)),
        )
        if not clear:
            return Message.of(f"decomposition.{verb}_unclear", change=change)
        amounts = [amount_of[factor] for factor in clear]
        rest = round(sum(amount_of.values()) - sum(amounts), digits)
        parts = _parts(clear, [Amount(amount, currency, signed=True) for amount in amounts])
        if rest:
            left = Amount(rest, currency, signed=True)
            parts = Message.of("decomposition.rest", parts=parts, rest=left)
        return Message.of(f"decomposition.{verb}", change=change, parts=parts)


def rounded_parts(parts: Sequence[float], change: float, currency: str) -> list[float]:
    """The parts of a change as they are printed: they add up to the change as it is printed.

    Each is rounded down, and what is missing goes to those that lost most by it (largest
    remainder), so that no part is a whole unit of the currency's last digit away from its value.

    >>> rounded_parts([0.804, 0.0, 0.504], 1.308, "EUR")
    [0.81, 0.0, 0.5]
    """
    if change < 0:  # a fall is split as the rise of the same size
        return [-part or 0.0 for part in rounded_parts([-p for p in parts], -change, currency)]
    digits = get_currency_precision(currency)
    exact = [Decimal(str(part)).scaleb(digits) for part in parts]
    units = [math.floor(part) for part in exact]
    # As Babel prints it: halves of the decimal form go to the even digit.
    missing = round(Decimal(str(change)).scaleb(digits)) - sum(units)
    by_loss = sorted(range(len(units)), key=lambda i: units[i] - exact[i])
    for i in by_loss[: max(0, missing)]:
        units[i] += 1
    return [float(Decimal(unit).scaleb(-digits)) for unit in units]


def log_factors(
    summary: Summary, *, buyers: str = "converted", orders: str = "orders", revenue: str = "revenue"
) -> tuple[Array, Array]:
    """(3,) logarithms of conversion, orders per buyer and ticket, and their (3, 3) covariance.

    Raises:
        TooFewUnits: fewer than two units.
        NoEstimate: no buyer, no order or no revenue: a factor is zero.

    Source: delta method; checked against R survey's svycontrast.
    """
    names = (buyers, orders, revenue)
    if summary.n < 2:
        raise TooFewUnits(f"units: are {summary.n}, a variance needs 2 or more")
    means = np.array([summary.mean(name) for name in names])
    if not (means > 0).all():
        by_name = dict(zip(names, means.tolist(), strict=True))
        raise NoEstimate(f"means {by_name}: each must be positive to be a factor")
    covariance = np.array([[summary.covariance(a, b) for a in names] for b in names])
    # log conversion, log orders/buyer, log revenue/order as differences of the logs of the means.
    jacobian = np.array([[1.0, 0, 0], [-1, 1, 0], [0, -1, 1]]) / means
    return np.diff(np.log(means), prepend=0.0), jacobian @ covariance @ jacobian.T / summary.n


def decompose(
    control: Summary,
    treatment: Summary,
    *,
    buyers: str = "converted",
    orders: str = "orders",
    revenue: str = "revenue",
    confidence: float = 0.95,
) -> Decomposition:
    """The change of revenue per visitor as conversion × orders per buyer × average ticket.

    The logarithms of the lifts add up, and so do the money parts, by the logarithmic mean.

    Raises:
        TooFewUnits, NoEstimate: see `log_factors`.

    Source: LMDI, Ang (2004), for the parts that add up exactly.
    """
    columns = {"buyers": buyers, "orders": orders, "revenue": revenue}
    log_c, cov_c = log_factors(control, **columns)
    log_t, cov_t = log_factors(treatment, **columns)
    gap, cov = log_t - log_c, cov_t + cov_c
    before, after = control.mean(revenue), treatment.mean(revenue)
    weight = _logarithmic_mean(before, after)
    tail = (1 - checked_confidence(confidence)) / 2
    own, joint = -float(ndtri(tail)), -float(ndtri(tail / len(FACTORS)))
    # One order per buyer has no variance, which rounding may put below zero.
    errors = np.sqrt(np.maximum(np.diagonal(cov), 0))
    one, two, three = (
        Factor(
            name,
            math.exp(log_c[i]),
            math.exp(log_t[i]),
            math.expm1(gap[i]),
            _limits(gap[i], own * errors[i]),
            _limits(gap[i], joint * errors[i]),
            weight * float(gap[i]),
        )
        for i, name in enumerate(FACTORS)
    )
    factors = (one, two, three)
    return Decomposition(after - before, factors, tuple(map(tuple, cov.tolist())))


def _limits(centre: float, half: float) -> Interval:
    return Interval(math.expm1(centre - half), math.expm1(centre + half))


def _logarithmic_mean(a: float, b: float) -> float:
    # Near a = b the quotient is 0/0; there the mean of the two is exact to the last digit.
    return (b - a) / math.log(b / a) if abs(b / a - 1) > 1e-9 else (a + b) / 2


def _parts(factors: list[Factor], amounts: list[Amount]) -> Listed | Message:
    """The parts with the sign of the first, but those with the other sign."""
    by_sign: dict[bool, list[Message]] = {}
    for factor, amount in zip(factors, amounts, strict=True):
        direction = "more" if factor.lift > 0 else "less"
        key = f"decomposition.{direction}_{factor.name.replace(' ', '_')}"
        by_sign.setdefault(factor.lift > 0, []).append(Message.of(key, part=amount))
    first, *other = (Listed(tuple(parts)) for parts in by_sign.values())
    return Message.of("decomposition.but", first=first, second=other[0]) if other else first

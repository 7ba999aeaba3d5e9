"""Where a change in revenue per visitor comes from: more buyers, more orders, or bigger baskets."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from fairlift_stats.errors import NoEstimate, TooFewUnits
from fairlift_stats.rates import checked_confidence
from fairlift_stats.results import Interval
from fairlift_stats.summary import Summary

__all__ = ["FACTORS", "Decomposition", "Factor", "decompose", "log_factors"]

Array: TypeAlias = npt.NDArray[np.float64]

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
    """The change of revenue per visitor, taken apart.

    Attributes:
        change: treatment − control, per visitor.
        factors: the three parts, in the order of FACTORS.
        covariance: (3, 3) of the three log lifts.
        sentence: what happened, in words.
    """

    change: float
    factors: tuple[Factor, Factor, Factor]
    covariance: tuple[tuple[float, ...], ...]
    sentence: str


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
        found = dict(zip(names, means.tolist(), strict=True))
        raise NoEstimate(f"means {found}: each must be positive to be a factor")
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
    return Decomposition(
        after - before, factors, tuple(map(tuple, cov.tolist())), _sentence(after - before, factors)
    )


def _limits(centre: float, half: float) -> Interval:
    return Interval(math.expm1(centre - half), math.expm1(centre + half))


def _logarithmic_mean(a: float, b: float) -> float:
    # Near a = b the quotient is 0/0; there the mean of the two is exact to the last digit.
    return (b - a) / math.log(b / a) if abs(b / a - 1) > 1e-9 else (a + b) / 2


_MORE = ("more buyers", "more orders per buyer", "bigger baskets")
_LESS = ("fewer buyers", "fewer orders per buyer", "smaller baskets")


def _sentence(change: float, factors: tuple[Factor, ...]) -> str:
    """What the joint intervals allow to say, biggest part first."""
    sure = [
        (abs(f.money), (_MORE if f.lift > 0 else _LESS)[i], f.money)
        for i, f in enumerate(factors)
        if 0 not in f.joint
    ]
    head = f"Revenue per visitor changed by {change:+.4g}"
    if not sure:
        return f"{head}; which of buyers, orders or baskets moved cannot be told apart yet."
    parts = [f"{words} ({money:+.4g})" for _, words, money in sorted(sure, reverse=True)]
    return f"{head}: {' and '.join(parts)}."

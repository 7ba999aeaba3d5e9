"""Many questions at once, at any time: evidence may be averaged and ranked whatever ties it."""

import math
from collections.abc import Mapping, Sequence

from fairlift_stats.sequential.errors import BadLevel, NotANumber


def e_discoveries(e_values: Mapping[str, float], *, alpha: float = 0.05) -> tuple[str, ...]:
    """Names whose evidence stands when at most a share alpha of those named may be false.

    For secondary metrics and segments: exploratory, at any time, under any dependence.

    Source: Wang & Ramdas (2022), e-BH.

    >>> e_discoveries({"cart": 90.0, "nps": 3.0, "items": 45.0, "coupon": 0.2})
    ('cart', 'items')
    """
    _check(alpha, list(e_values.values()))
    ranked = sorted(e_values, key=lambda name: -e_values[name])
    enough = [
        k for k, name in enumerate(ranked, start=1) if e_values[name] >= len(ranked) / (k * alpha)
    ]
    return tuple(ranked[: max(enough, default=0)])


def closed_test(e_values: Mapping[str, float], *, alpha: float = 0.05) -> tuple[str, ...]:
    """Variants that differ from the control, with a chance of alpha that any is named wrongly.

    A variant is named when every set of variants that holds it has a mean evidence of 1/alpha: more
    than Bonferroni names, and a variant that left does not cost the others.

    Source: Marcus, Peritz & Gabriel (1976) for closing; Vovk & Wang (2021) for the mean.

    >>> closed_test({"b": 45.0, "c": 31.0, "d": 1.0})
    ('b',)
    >>> closed_test({"b": 45.0, "c": 31.0})
    ('b', 'c')
    """
    _check(alpha, list(e_values.values()))
    found = []
    for name in e_values:
        others = sorted(e for other, e in e_values.items() if other != name)
        # Of all sets of one size the one with the least evidence decides.
        means = (
            (e_values[name] + sum(others[:size])) / (size + 1) for size in range(len(others) + 1)
        )
        if min(means) >= 1 / alpha:
            found.append(name)
    return tuple(found)


def _check(alpha: float, e_values: Sequence[float]) -> None:
    if not 0 < alpha < 1:
        raise BadLevel("alpha", alpha)
    if not e_values or any(math.isnan(e) or e < 0 for e in e_values):
        raise NotANumber("e-values", "one or more, each 0 or more", list(e_values))

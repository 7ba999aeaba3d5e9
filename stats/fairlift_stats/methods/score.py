"""Score intervals for two proportions, on arrays of counts: exact roots, no failure at 0."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from fairlift_stats.arrays import Array

__all__ = ["Limits", "difference_z", "limits", "pooled_z", "ratio_z"]

Limits: TypeAlias = tuple[Array, Array]
# From a Lagrange multiplier, the variance that the score has there, and the slope of that.
Curve: TypeAlias = Callable[[Array], tuple[Array, Array]]

# Newton squares its error at each step: this close to the root, one more step is exact. Where the
# curve is nearly a jump, Newton hops across it: after a few steps it alternates with bisection.
NEAR = 1e-7
NEWTON_FIRST = 7
STEPS = 120


def pooled_z(xt: Array, nt: Array, xc: Array, nc: Array, *, corrected: bool = True) -> Array:
    """Score statistic of no difference, treatment minus control; 0 where nothing varies.

    `corrected` shrinks it by √((N−1)/N), which makes it agree with Miettinen–Nurminen intervals.
    """
    total = nt + nc
    pooled = (xt + xc) / total
    variance = pooled * (1 - pooled) * (1 / nt + 1 / nc)
    return _standardised(xt / nt - xc / nc, variance, total, corrected)


def ratio_z(
    xt: Array, nt: Array, xc: Array, nc: Array, ratio: Array, *, corrected: bool = True
) -> Array:
    """Score statistic of p_t − ratio·p_c: is the treatment above this share of the control?

    Source: Farrington and Manning (1990), eq. for the constrained maximum.
    """
    total = nt + nc
    a, b, c = total * ratio, -(nt * ratio + xt + nc + xc * ratio), xt + xc
    pc = 2 * c / (-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0)))
    pt = ratio * pc
    variance = pt * (1 - pt) / nt + ratio * ratio * pc * (1 - pc) / nc
    return _standardised(xt / nt - ratio * xc / nc, variance, total, corrected)


def difference_z(
    xt: Array, nt: Array, xc: Array, nc: Array, gap: Array, *, corrected: bool = True
) -> Array:
    """Score statistic of p_t − p_c − gap: is the treatment above the control plus this gap?

    Source: Farrington and Manning (1990), whose cubic has one root that is a pair of rates.
    """
    n, x = nt + nc, xt + xc
    l2, l1 = (nt + 2 * nc) * gap - n - x, (nc * gap - n - 2 * xc) * gap + x
    l0 = xc * gap * (1 - gap)
    q = l2**3 / (27 * n**3) - l1 * l2 / (6 * n * n) + l0 / (2 * n)
    p = np.where(q < 0, -1, 1) * np.sqrt(np.maximum(l2 * l2 / (9 * n * n) - l1 / (3 * n), 0))
    cosine = np.divide(q, p**3, out=np.zeros_like(p), where=p != 0)
    pc = 2 * p * np.cos((np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3) - l2 / (3 * n)
    pc = np.clip(pc, np.maximum(0, -gap), np.minimum(1, 1 - gap))
    pt = pc + gap
    return _standardised(
        xt / nt - xc / nc - gap, pt * (1 - pt) / nt + pc * (1 - pc) / nc, n, corrected
    )


def _standardised(gap: Array, variance: Array, total: Array, corrected: bool) -> Array:
    if corrected:
        variance = variance * total / np.maximum(total - 1, 1.0)
    return np.asarray(gap / np.sqrt(np.where(variance > 0, variance, np.inf)))


def limits(
    xt: Array, nt: Array, xc: Array, nc: Array, z: Array, *, corrected: bool = True
) -> tuple[Limits, Limits]:
    """Limits of p_t − p_c and of p_t/p_c by the score test: Miettinen–Nurminen if `corrected`.

    The constrained maximum has one Lagrange multiplier, u. For a difference each rate is a root of
    x − n·p = u·p(1−p); for a ratio p̃_t = (x_t−u)/(n_t−u) and p̃_c = (x_c+u)/(n_c+u). The score's
    square, u²·(its variance there) = z², is solved for u: that is the interval itself, not an
    approximation of it.

    The deviates z have a first axis of levels, and so have the limits. N/(N−1) only rescales z;
    without it the limits are Mee's and Koopman's.

    Source: Mee (1984), Koopman (1984), Miettinen and Nurminen (1985); checked against ratesci,
    Newcombe (1998), and by inverting z numerically.
    """
    total = nt + nc
    z2 = z * z * (total / np.maximum(total - 1, 1.0) if corrected else np.ones_like(total))
    # A lower limit of treatment against control, and one of control against treatment.
    levels = len(z)
    x, n = np.array([[xt] * levels, [xc] * levels]), np.array([[nt] * levels, [nc] * levels])
    y, m = np.array([x[1], x[0]]), np.array([n[1], n[0]])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, negated = _lower_difference(x, n, y, m, z2)
        least, inverse = _lower_ratio(x, n, y, m, z2)
        return (low, -negated), (least, 1 / inverse)


def _lower_difference(x: Array, n: Array, y: Array, m: Array, z2: Array) -> Array:
    """Lower limits of x/n − y/m.

    One side's successes and the other's failures obey the same quadratic, so both go through it
    together, stacked on a first axis.
    """
    counts, sizes = np.array([x, m - y]), np.array([n, m])
    twice, rest = counts + counts, 4 * (sizes - counts)

    def rates(u: Array) -> tuple[Array, Array]:
        gap = sizes - u
        root = np.sqrt(gap * gap + u * rest)
        return twice / (sizes + u + root), root

    def variance(p: Array, root: Array) -> tuple[Array, Array]:
        q = 1 - p
        variances = p * q / sizes
        slopes = (p - q) * variances / root
        return variances[0] + variances[1], slopes[0] + slopes[1]

    u = _multiplier(lambda u: variance(*rates(u)), variance(counts / sizes, sizes), z2, np.inf)
    (p, q), _ = rates(u)
    # No success against all successes is the smallest difference; no finite u reaches it.
    return np.where((x == 0) & (y == m), -1.0, p + q - 1)


def _lower_ratio(x: Array, n: Array, y: Array, m: Array, z2: Array) -> Array:
    """Lower limits of (x/n) ÷ (y/m): 0 at x = 0."""
    a, b = 1 - x / n, 1 - y / m
    inner = a * x > 0
    ordinary = inner.all()
    top, loss = (x, a) if ordinary else (np.where(inner, x, 1.0), np.where(inner, a, 1.0))

    def variance(left: Array, right: Array) -> tuple[Array, Array]:
        first, second = loss / left, b / right
        return first + second, first / left - second / right

    u = _multiplier(lambda u: variance(top - u, y + u), variance(top, y), z2, top)
    if ordinary:
        return np.asarray((x - u) / (n - u) * (m + u) / (y + u))
    # Where every unit succeeded (a = 0) no pole bounds u: the maximum is at p̃ = 1, or u = n.
    u = np.where(a == 0, (z2 + np.sqrt(z2 * z2 + 4 * b * z2 * y)) / (2 * b), u)
    pooled = (x + y) / (n + m)
    inside = 1 / (pooled * (1 + z2 / n - n * (1 - pooled) / (m * pooled)))
    limit = np.where((a == 0) & (u >= x), inside, (x - u) / (n - u) * (m + u) / (y + u))
    return np.where(x == 0, 0.0, limit)


def _multiplier(
    curve: Curve, at_zero: tuple[Array, Array], z2: Array, most: Array | float
) -> Array:
    """The u between 0 and `most` with u²·curve(u) = z², by Newton on logarithms.

    Those are nearly straight: log u² + log curve(0) + u·(its slope) is a start near the end.
    """
    variance, slope = at_zero
    plain = np.sqrt(z2 / variance)
    start = at = plain * np.exp(-0.5 * plain * slope / variance)
    for _ in range(NEWTON_FIRST):
        at, gap = _newton(curve, z2, at)
        off = float(np.vdot(gap, gap))
        if not off > NEAR * NEAR:  # NaN ends it, too
            break
    return at if off <= NEAR * NEAR and (at < most).all() else _bracketed(curve, z2, start, most)


def _newton(curve: Curve, z2: Array, at: Array) -> tuple[Array, Array]:
    """The next guess, and how far u²·curve(u) is below z² in logarithms."""
    variance, slope = curve(at)
    gap = np.log(z2 / (at * at * variance))
    return at * np.exp(gap / (2 + at * slope / variance)), gap


def _bracketed(curve: Curve, z2: Array, start: Array, most: Array | float) -> Array:
    """The same by steps that stay between what lies below the root and what lies above."""
    low, high = np.zeros(start.shape), np.broadcast_to(most, start.shape)
    at = np.where((start > 0) & (start < high), start, np.where(np.isinf(high), 1.0, high / 2))
    for step in range(STEPS):
        guess, gap = _newton(curve, z2, at)
        below = ~(gap <= 0)  # a variance that rounds to 0 or less has no logarithm
        low, high = np.where(below, at, low), np.where(below, high, at)
        usable = (guess >= low) & (guess <= high)
        if step > NEWTON_FIRST and step % 2:
            usable &= high - low <= NEAR * high
        at = np.where(usable, guess, np.where(np.isinf(high), 4 * at, (low + high) / 2))
        if ((usable & (np.abs(gap) <= NEAR)) | (low >= (1 - 1e-15) * high)).all():
            break
    return at

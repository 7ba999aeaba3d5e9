"""Score intervals for two proportions, on arrays of counts: exact roots, no failure at 0."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["difference_limits", "difference_z", "pooled_z", "ratio_limits", "ratio_z"]

Array: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]
# From a point, whether the root lies above it, and Newton's guess of it.
Curve: TypeAlias = Callable[[Array], tuple[Booleans, Array]]

# Newton doubles its digits at each step, so a step this small leaves an error of its square. Where
# the curve is nearly a jump Newton hops across it: after a few steps it takes turns with halving.
STEPS = 120
NEWTON_FIRST = 7
SMALL = 1e-8


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
        variance = variance * total / np.maximum(total - 1, 1)
    return np.divide(gap, np.sqrt(variance), out=np.zeros_like(gap), where=variance > 0)


def ratio_limits(
    xt: Array, nt: Array, xc: Array, nc: Array, z: Array, *, corrected: bool = True
) -> tuple[Array, Array]:
    """Limits of p_t/p_c by the score test: Miettinen–Nurminen, or Koopman if not `corrected`.

    With u the score of the control's arm at the constrained maximum, p̃_t = (x_t+u)/(n_t+u) and
    p̃_c = (x_c−u)/(n_c−u), so that χ² = z² is a cubic in u with one root either side of 0. That is
    the interval itself, not an approximation of it.

    The deviates z may have leading axes of their own: limits at several levels come in one pass.

    Source: Koopman (1984); Miettinen and Nurminen (1985), where N/(N−1) only rescales z; that χ²
    has such roots is Nam (1995). Checked against ratesci and by inverting z(R) numerically.
    """
    # The upper limit of t/c is one over the lower limit of c/t.
    low, inverse = _both_ways(_lower_ratio, xt, nt, xc, nc, _squared(z, nt + nc, corrected))
    with np.errstate(divide="ignore"):
        return low, 1 / inverse


def _squared(z: Array, total: Array, corrected: bool) -> Array:
    return z * z * (total / np.maximum(total - 1, 1) if corrected else np.ones_like(total))


def _both_ways(
    lower: Callable[[Array, Array, Array, Array, Array], Array],
    xt: Array, nt: Array, xc: Array, nc: Array, z2: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Lower limits of treatment against control, and the other way round, in one pass."""
    (x, n), (y, m) = (
        (np.concatenate([a, b], axis=-1), np.concatenate([c, d], axis=-1))
        for a, b, c, d in ((xt, xc, nt, nc), (xc, xt, nc, nt))
    )
    both = lower(x, n, y, m, np.concatenate([z2, z2], axis=-1))
    return both[..., : xt.shape[-1]], both[..., xt.shape[-1] :]


def _lower_ratio(x: Array, n: Array, y: Array, m: Array, z2: Array) -> Array:
    """Lower limit of (x/n) ÷ (y/m): 0 at x = 0."""
    a, b = 1 - x / n, 1 - y / m
    # The cubic in s = x + u, 0 < s < x: small limits keep their relative precision.
    c3 = b - a
    c2 = 3 * a * x - 2 * b * x + a * y + z2
    c1 = b * x * x - 3 * a * x * x - 2 * a * x * y - z2 * (x + y)
    c0 = a * x * x * (x + y)

    def cubic(s: Array) -> tuple[Booleans, Array]:
        value = ((c3 * s + c2) * s + c1) * s + c0
        return value > 0, s - value / ((3 * c3 * s + 2 * c2) * s + c1)

    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.sqrt(z2 / (a / x + b / y))
        s = _root(cubic, x * x / (x + step), x)
        ordinary = bool((np.minimum(a * x, y) > 0).all())
        if not ordinary:
            # At y = 0 the root u = 0 is false, and the true one is quadratic.
            s = np.where(y == 0, _none_against(x, a, z2), s)
            # Every unit did it (a = 0): either the maximum sits at p̃ = 1, or inside and u = −n.
            edge = 2 * c1 / (np.sqrt(np.maximum(c2 * c2 - 4 * b * c1, 0)) - c2)
            s = np.where((a == 0) & (y > 0), np.where(c1 > 0, edge, 0.0), s)
        limit = s / (n - x + s) * (m + x - s) / (y + x - s)
        if ordinary:
            return limit
        pooled = (x + y) / (n + m)
        inside = 1 / (pooled * (1 + z2 / n - n * (1 - pooled) / (m * pooled)))
        limit = np.where((a == 0) & (s <= 0), inside, limit)
    return np.where(x == 0, 0.0, limit)


def _none_against(x: Array, a: Array, z2: Array) -> Array:
    """The s = x + u whose u is the lesser root of (1−a)u² + (x+z²)u + z²x = 0."""
    u = -2 * z2 * x / (x + z2 + np.sqrt(np.maximum((x + z2) ** 2 - 4 * (1 - a) * z2 * x, 0)))
    return np.where(a == 0, np.maximum(x - z2, 0), x + u)


def _root(curve: Curve, start: Array, most: Array | float) -> Array:
    """The one root between 0 and `most`: free Newton steps, and in a bracket where those stray."""
    at, off, step = start, math.inf, 0
    while off > 0 and step < NEWTON_FIRST:  # NaN ends it, too
        guess = curve(at)[1]
        off = float((np.abs(guess - at) - SMALL * guess).max())
        at, step = guess, step + 1
    if off <= 0 and ((at > 0) & (at < most)).all():
        return at
    return _bracketed_root(curve, start, most)


def _bracketed_root(curve: Curve, start: Array, most: Array | float) -> Array:
    low, high = np.zeros(start.shape), np.full(start.shape, most)
    at, step, settled = start, 0, False
    while not settled and step < STEPS:
        below, guess = curve(at)
        low, high = np.where(below, at, low), np.where(below, high, at)
        at, settled = _next(guess, at, low, high, step)
        step += 1
    return at


def _next(guess: Array, at: Array, low: Array, high: Array, step: int) -> tuple[Array, bool]:
    """Newton's guess where it stays in the bracket, its middle elsewhere; and is all settled?"""
    usable = (guess >= low) & (guess <= high)
    if step > NEWTON_FIRST and step % 2:
        usable &= high - low <= SMALL * high
    middle = np.where(np.isinf(high), 4 * at, (low + high) / 2)
    new = np.where(usable, guess, middle)
    done = (usable & (np.abs(guess - at) <= SMALL * guess)) | (high - low <= 1e-15 * high)
    return new, bool(done.all())


def difference_limits(
    xt: Array, nt: Array, xc: Array, nc: Array, z: Array, *, corrected: bool = True
) -> tuple[Array, Array]:
    """Limits of p_t − p_c by the score test: Miettinen–Nurminen, or Mee if not `corrected`.

    The constrained maximum has one Lagrange multiplier λ, the score of the treatment's arm: given
    λ each rate is a root of x − n·p = λ·p(1−p), and z² = λ²·(variance there) is solved for λ.

    Source: Mee (1984), Miettinen and Nurminen (1985); checked against ratesci and Newcombe (1998).
    """
    # The upper limit of t − c is minus the lower limit of c − t.
    low, negated = _both_ways(_lower_difference, xt, nt, xc, nc, _squared(z, nt + nc, corrected))
    return low, -negated


def _lower_difference(x: Array, n: Array, y: Array, m: Array, z2: Array) -> Array:
    """Lower limit of x/n − y/m.

    One arm's successes and the other's failures obey the same quadratic, so both go through it
    together, stacked on a first axis.
    """
    spread = x * (n - x) / n**3 + y * (m - y) / m**3
    start = np.sqrt(z2 / np.where(spread > 0, spread, 1)) + np.where(spread > 0, 0, n + m + z2)
    levels = (2,) + (1,) * (start.ndim - x.ndim) + x.shape
    counts, sizes = (np.stack(pair).reshape(levels) for pair in ((x, m - y), (n, m)))
    rest, target = 4 * (sizes - counts), np.log(z2)

    def curve(lam: Array) -> tuple[Booleans, Array]:
        root = np.sqrt((sizes - lam) ** 2 + lam * rest)
        p = 2 * counts / (sizes + lam + root)
        each = p * (1 - p) / sizes
        variance, slope = each[0] + each[1], (1 - 2 * p) * each / root
        # log z² against log λ is nearly straight: Newton there needs few steps.
        gap = np.where(variance > 0, np.log(lam * lam * variance) - target, -np.inf)
        return gap < 0, lam * np.exp(gap / (lam * (slope[0] + slope[1]) / variance - 2))

    with np.errstate(divide="ignore", invalid="ignore"):
        lam = _root(curve, start, np.inf)
        root = np.sqrt((sizes - lam) ** 2 + lam * rest)
        p = 2 * counts / (sizes + lam + root)
    # None against all is the least difference there is, and no λ is large enough to say so.
    return np.where((x == 0) & (y == m), -1.0, p[0] + p[1] - 1)

"""One bracketed root, so that nothing here waits for scipy.optimize to load."""

from collections.abc import Callable

from fairlift_stats.sequential.errors import NoAnswer


def root(f: Callable[[float], float], low: float, high: float, *, tol: float = 1e-12) -> float:
    """The point in [low, high] where `f` changes sign, to `tol` relative to its size.

    Raises:
        NoAnswer: `f` has one sign at both ends.

    Source: Chandrupatla (1997); checked against scipy.optimize.brentq.

    >>> round(root(lambda x: x * x - 2, 0.0, 2.0), 12)
    1.414213562373
    """
    a, b = low, high
    fa, fb = f(a), f(b)
    if fa * fb > 0 or fa != fa or fb != fb:
        raise NoAnswer(f"no root in [{low}, {high}]: values there are {fa} and {fb}")
    c, fc = a, fa
    share = 0.5
    while True:
        best, f_best = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        close = (tol * max(abs(best), 1e-3) + 4e-16 * abs(best)) / max(abs(b - a), 1e-300)
        if f_best == 0 or close > 0.5:
            return best
        x = a + min(max(share, close), 1 - close) * (b - a)
        fx = f(x)
        if (fx > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, fx
        share = _interpolated(a, b, c, fa, fb, fc)


def _interpolated(a: float, b: float, c: float, fa: float, fb: float, fc: float) -> float:
    """Where to look next between a (0) and b (1): inverse quadratic if safe, else the middle."""
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
        return fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return 0.5

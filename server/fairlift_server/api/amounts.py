"""Sums of money as whole micros on the wire, which has 64 bits for them."""

_MAX_MICROS = 2**63 - 1


def sum_micros(total: float) -> int:
    """A sum in micros; what does not fit is the largest number that does.

    >>> sum_micros(47_000_000.4), sum_micros(9.3e18)
    (47000000, 9223372036854775807)
    """
    return max(-_MAX_MICROS, min(_MAX_MICROS, round(total)))


def exceeds_micros(total: float) -> bool:
    """Whether `sum_micros` shows less than the whole sum."""
    return abs(round(total)) > _MAX_MICROS

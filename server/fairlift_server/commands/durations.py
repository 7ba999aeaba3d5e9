"""Durations on the command line, such as 90d, 12h or 30m."""

import argparse
import re
from datetime import timedelta

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_FORM = re.compile(r"(\d{1,6})([dhms])|0")


def time_span_from(text: str) -> timedelta:
    """The duration.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise argparse.ArgumentTypeError(f"is {text!r}, must be such as 90d, 12h, 30m, 20s or 0")
    return timedelta(**{_UNITS[form[2]]: int(form[1])}) if form[1] else timedelta()

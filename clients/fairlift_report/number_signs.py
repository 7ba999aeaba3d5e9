"""How a language writes the numbers and days of an axis."""

from functools import lru_cache

from babel import Locale
from babel.dates import get_month_names
from babel.numbers import get_decimal_symbol, get_group_symbol

from fairlift_report.view import NumberSigns

__all__ = ["number_signs"]


@lru_cache(maxsize=8)
def number_signs(language: str) -> NumberSigns:
    """How the language writes numbers."""
    pattern = Locale.parse(language).percent_formats[None].pattern
    percent = pattern[pattern.rindex("0") + 1 :]
    months = get_month_names("abbreviated", "format", language)
    skeleton = str(Locale.parse(language).datetime_skeletons["MMMd"].pattern)
    return NumberSigns(
        get_decimal_symbol(language),
        get_group_symbol(language),
        percent,
        tuple(months[number] for number in range(1, 13)),
        skeleton.replace("MMM", "%b").replace("d", "%-d"),
    )

"""A message in the reader's language, with that language's numbers, money and dates.

Catalogues are `<language>/LC_MESSAGES/fairlift.po`; `build.build()` compiles them
to the `.mo` files beside them, which are checked in. A message that names visitors stands
there twice: the one of context `customer` is said of campaigns whose unit is the customer.
"""

import re
from datetime import date
from functools import lru_cache
from gettext import GNUTranslations
from importlib.resources import files
from typing import Final, Literal, assert_never

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_skeleton
from babel.lists import format_list
from babel.numbers import (
    NumberPattern,
    format_currency,
    format_decimal,
    get_currency_precision,
    parse_pattern,
)

from fairlift_stats.errors import BadQuestion
from fairlift_stats.messages import (
    Amount,
    Day,
    Figure,
    Listed,
    Message,
    MetricName,
    Names,
    Number,
    Percent,
    Points,
    PValue,
    UnitWord,
    VariantName,
    Verbatim,
)

__all__ = ["LANGUAGES", "figure_text", "text"]

LANGUAGES: Final = ("en", "es", "ro")

_NO_NAMES: Final = Names()
# Figures of some lists of 200 campaigns, in three languages.
_REMEMBERED: Final = 16_384
# Decimals of the smallest amounts.
_MOST_MONEY_DIGITS: Final = 6
_IN_DAYS: Final = re.compile(r"(retention|clv)_d?(\d+)(?:_(\d+))?")


def text(message: Message, locale: str = "en", names: Names = _NO_NAMES) -> str:
    """The message as a sentence.

    Args:
        message: its key and figures.
        locale: a language with or without a country: `es`, `es_MX`, `ro-RO`.
        names: what people call variants and metrics, and what is counted.

    Raises:
        BadQuestion: there is no catalogue for the language, or no such message.

    >>> text(Message.of("action.ship", variant=VariantName("B")), "es")
    'Muestra B a todos los visitantes.'
    """
    sentence = _sentence(message, _catalogue(_parsed(locale).language), names.unit)
    if sentence == message.key:
        raise BadQuestion(f"message {message.key!r}: is not in any catalogue")
    figures = {name: figure_text(figure, locale, names) for name, figure in message.figures}
    return sentence.format(**figures)


def _sentence(message: Message, catalogue: GNUTranslations, unit: UnitWord) -> str:
    """The catalogue's words of this unit, or else those that fit any; the key if it has none."""
    key = message.key
    if message.count is None:
        own = catalogue.pgettext(unit, key)
        return catalogue.gettext(key) if own == key else own
    how_many = message.figure(message.count)
    amount = round(how_many.value) if isinstance(how_many, Number) else 0
    own = catalogue.npgettext(unit, key, key, amount)
    return catalogue.ngettext(key, key, amount) if own == key else own


def figure_text(figure: Figure, locale: str = "en", names: Names = _NO_NAMES) -> str:
    """One figure as the locale writes it.

    >>> figure_text(Percent(0.041, signed=True), "es") == "+4,1\N{NO-BREAK SPACE}%"
    True
    """
    match figure:
        case Percent(value) | Number(value) | Points(value) | Amount(value) | PValue(value):
            # Zero and its negative are equal, and written differently.
            return _written(figure, locale) if value else _written.__wrapped__(figure, locale)
        case Day():
            return _written(figure, locale)
        case Verbatim(value):
            return value
        case VariantName(name):
            return names.variants.get(name, name)
        case MetricName(name):
            return names.metrics.get(name) or _metric(name, locale, names)
        case Listed(items, joined):
            words = [figure_text(item, locale, names) for item in items]
            style: Literal["standard", "or"] = "standard" if joined == "and" else "or"
            return format_list(words, style, _parsed(locale))
        case Message():
            return text(figure, locale, names)
        case unreachable:
            assert_never(unreachable)


@lru_cache(maxsize=_REMEMBERED)
def _written(figure: Percent | Number | Points | Amount | Day | PValue, locale: str) -> str:
    """A figure as the locale writes it; lists and pages write the same ones again and again."""
    where = _parsed(locale)
    match figure:
        case Percent(value, digits, signed):
            # The locale's own pattern tells where the sign stands and whether a space is before it.
            pattern = where.percent_formats[None].pattern.replace("#,##0", _digits(digits))
            return _decimal(value, _signed(pattern, signed), where, 100 * value, digits)
        case Number(value, digits, signed):
            return _decimal(value, _signed(_digits(digits), signed), where, value, digits)
        case Points(value, digits, signed):
            number = figure_text(Number(100 * value, digits, signed), locale)
            # The same two letters in all languages, never parted from their number.
            return f"{number}\N{NO-BREAK SPACE}pp"
        case Amount(value, currency, signed, whole):
            digits = 0 if whole else _money_digits(value, get_currency_precision(currency))
            usual = where.currency_formats["standard"].pattern
            pattern = usual.replace("#,##0.00", _digits(digits))
            money = format_currency(
                value, currency, _pattern(pattern), where, currency_digits=False,
                group_separator=_is_grouped(value, digits, where),
            )  # fmt: skip
            return f"+{money}" if signed and value > 0 else money
        case Day(iso):
            return format_skeleton("MMMMd", date.fromisoformat(iso), locale=where)
        case PValue(value):
            sign, shown = ("<", 0.001) if value < 0.001 else ("=", value)
            # Of one piece, wherever the line may break.
            pieces = ("p", sign, format_decimal(shown, _pattern(_digits(3)), where))
            return "\N{NO-BREAK SPACE}".join(pieces)
        case unreachable:
            assert_never(unreachable)


def _decimal(value: float, pattern: str, where: Locale, shown: float, digits: int) -> str:
    """A number by a pattern; `shown` is the number that stands there, such as a percentage."""
    grouped = _is_grouped(shown, digits, where)
    return format_decimal(value, _pattern(pattern), where, group_separator=grouped)


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> NumberPattern:
    return parse_pattern(pattern)


def _metric(name: str, locale: str, names: Names) -> str:
    """The catalogue's words for a metric: of a family, first what it is about."""
    if days := _IN_DAYS.fullmatch(name):
        family, first, last = days.groups(default="0")
        figures = {"first": Number(int(first)), "last": Number(int(last))}
        return text(Message.of(f"metric.{family}", **figures), locale)
    family, _, about = name.partition("(")
    message = Message.of(f"metric.{family}")
    known = _sentence(message, _catalogue(_parsed(locale).language), names.unit)
    words = family.replace("_", " ") if known == message.key else known
    return f"{about.removesuffix(')').replace('_', ' ')} ({words})" if about else words


def _digits(digits: int) -> str:
    return "#,##0." + "0" * digits if digits else "#,##0"


def _money_digits(value: float, usual: int) -> int:
    """Decimals of an amount: two figures that count where cents would leave one or none of them.

    A limit of a tenth of a cent would else be shown as zero. Whole cents stay as they are written.
    """
    if round(abs(value), _MOST_MONEY_DIGITS) in (0.0, round(abs(value), usual)) or abs(
        value
    ) >= 10 ** (1 - usual):
        return usual
    size = int(f"{value:.1e}".partition("e")[2])  # of the value as two figures
    return min(max(usual, 1 - size), _MOST_MONEY_DIGITS)


def _is_grouped(value: float, digits: int, locale: Locale) -> bool:
    """Whether thousands are separated: in Spanish from five digits on (1234, but 12.345).

    CLDR calls this `minimumGroupingDigits`, which Babel does not read: it is 2 in `es`, and 1 in
    the Spanish of Latin America (`es_419` and what inherits from it), in English and in Romanian.
    """
    if locale.language != "es":
        return True
    is_latin_american = "es_419" in (str(locale), get_global("parent_exceptions").get(str(locale)))
    if is_latin_american:
        return True
    return abs(round(value, digits)) >= 10_000


def _signed(pattern: str, signed: bool) -> str:
    return f"+{pattern};-{pattern}" if signed else pattern


@lru_cache(maxsize=64)
def _parsed(locale: str) -> Locale:
    try:
        parsed = Locale.parse(locale, sep="-" if "-" in locale else "_")
    except (ValueError, UnknownLocaleError) as error:
        raise BadQuestion(f"locale: {locale!r} is not known; use one of {LANGUAGES}") from error
    if parsed.language not in LANGUAGES:
        raise BadQuestion(f"locale: {locale!r} has no catalogue; use one of {LANGUAGES}")
    return parsed


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(language: str) -> GNUTranslations:
    path = files(__name__).joinpath(language, "LC_MESSAGES", "fairlift.mo")
    with path.open("rb") as opened:
        return GNUTranslations(opened)

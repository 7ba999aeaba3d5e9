"""Single values of events as the contract takes them: a refusal names field, value and remedy."""

from decimal import Decimal
from numbers import Real
from operator import index

from fairlift.engine.untrusted import IdInput, plain

_MICROS_DECIMALS = 6
# Weak currencies keep their digits: 1 VND is 0.0000345 EUR.
_RATE_DECIMALS = 12
# Longer values are cut in messages.
_MAX_SHOWN = 80
_INT32, _INT64 = 2**31, 2**63


def micros(amount: Decimal | str | int) -> int:
    """An amount of money in micros, exactly.

    Raises:
        ValueError: it has more than six decimals, is no number, or a float, which money never is.

    >>> micros("49.90")
    49900000
    """
    return _scaled("amount", amount, _MICROS_DECIMALS)


def checked_rate(value: Decimal | str | int) -> int:
    """An exchange rate in picos, exactly.

    Raises:
        ValueError: it has more than twelve decimals, is a float, no number, or too large.
    """
    return _in_range("rate", _scaled("rate", value, _RATE_DECIMALS), _INT64, " picos")


def checked_id(field: str, value: IdInput) -> str:
    """The id as text.

    Raises:
        TypeError, ValueError: it is not an id; the message names the field.
    """
    try:
        return sendable_text(field, plain(value))
    except TypeError as error:
        raise TypeError(f"{field}: {error}") from None


def sendable_text(field: str, value: str) -> str:
    """The text, if it can be sent.

    Raises:
        TypeError: it is no text.
        ValueError: it holds half of a surrogate pair, as after decoding with `surrogateescape`.
    """
    if not isinstance(value, str):
        raise TypeError(f"{field} is {shown(value)}, must be a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{field} is {shown(value)}, holds half of a surrogate pair, which UTF-8 cannot carry; "
            'decode the text with errors="replace"'
        ) from None
    return value


def checked_flag(field: str, value: bool) -> bool:
    """The value as bool, if it is True or False, also as 1 and 0 or NumPy's; else TypeError."""
    try:
        if value in (True, False):
            return bool(value)
    except Exception:  # an array, or a class of the caller's own
        pass
    raise TypeError(f"{field} is {shown(value)}, must be True or False")


def checked_score(field: str, value: object) -> float:
    """The value as float, if it is a number; else TypeError."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise TypeError(f"{field} is {shown(value)}, must be a number, such as 9")
    return float(value)


def checked_micros(field: str, value: int) -> int:
    """The amount, if it is a whole number of micros; else TypeError or ValueError."""
    return _in_range(field, _whole(field, value, ' of micros, such as micros("24.95")'), _INT64)


def checked_count(field: str, value: int) -> int:
    """The count as int, also of NumPy; else TypeError or ValueError with the rule."""
    return _in_range(field, _whole(field, value), _INT32)


def shown(value: object) -> str:
    """The value as messages show it, cut; whatever a class of the caller's own does."""
    try:
        return repr(value)[:_MAX_SHOWN]
    except Exception:
        return f"a {type(value).__name__}"


def _scaled(field: str, value: Decimal | str | int, decimals: int) -> int:
    """The value times a power of ten, exactly.

    Raises:
        ValueError: it has more decimals, or is a float, or no number.
    """
    if isinstance(value, float):
        raise ValueError(
            f"{field}: {value} is a float, which cannot represent most decimals exactly; give text "
            "or Decimal"
        )
    try:
        scaled = Decimal(value).scaleb(decimals)
        whole = scaled.to_integral_value()
    except (ArithmeticError, TypeError, ValueError):
        raise ValueError(f"{field}: {shown(value)} is not a number such as 24.95") from None
    if not scaled.is_finite():
        raise ValueError(f"{field}: {value} is not a number such as 24.95")
    if scaled != whole:
        most = "six" if decimals == _MICROS_DECIMALS else "twelve"
        raise ValueError(f"{field}: {value} has more than {most} decimals")
    return int(scaled)


def _whole(field: str, value: int, remedy: str = "") -> int:
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{field} is {shown(value)}, must be a whole number{remedy}") from None


def _in_range(field: str, value: int, limit: int, unit: str = "") -> int:
    if not -limit <= value < limit:
        raise ValueError(f"{field} is {shown(value)}{unit}, must be {-limit} to {limit - 1}")
    return value

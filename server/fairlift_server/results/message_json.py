"""Messages as JSON, so that a sentence that was stored can be told in any language.

The names are the format: written in full, never taken from a class or a field.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from fairlift_stats.messages import (
    Amount,
    Day,
    Figure,
    Listed,
    Message,
    MetricName,
    Number,
    Percent,
    Points,
    PValue,
    VariantName,
    Verbatim,
)


def message_to(message: Message) -> dict[str, Any]:
    """The message as a JSON value."""
    return {
        "message": message.key,
        "figures": {name: _figure_to(figure) for name, figure in message.figures},
        "counts": message.count,
    }


def message_from(read: Mapping[str, Any]) -> Message:
    """The message that `message_to` wrote."""
    figures = ((name, _figure_from(figure)) for name, figure in read["figures"].items())
    return Message(read["message"], tuple(figures), read["counts"])


# A figure is a JSON object whose first key says what it is.


def _figure_to(figure: Figure) -> dict[str, Any]:
    match figure:
        case Percent(value, digits, signed):
            return {"percent": value, "digits": digits, "signed": signed}
        case Points(value, digits, signed):
            return {"points": value, "digits": digits, "signed": signed}
        case Amount(value, currency, signed, whole):
            cents = {"whole": True} if whole else {}
            return {"amount": value, "currency": currency, "signed": signed, **cents}
        case Number(value, digits, signed):
            return {"number": value, "digits": digits, "signed": signed}
        case PValue(value):
            return {"p_value": value}
        case Day(iso):
            return {"day": iso}
        case Verbatim(value):
            return {"verbatim": value}
        case VariantName(name):
            return {"variant": name}
        case MetricName(name):
            return {"metric": name}
        case Listed(items, joined):
            return {"list": [_figure_to(item) for item in items], "joined": joined}
        case Message():
            return message_to(figure)
        case unreachable:
            assert_never(unreachable)


def _figure_from(read: Mapping[str, Any]) -> Figure:
    match read:
        case {"percent": value}:
            return Percent(value, read["digits"], read["signed"])
        case {"points": value}:
            return Points(value, read["digits"], read["signed"])
        case {"amount": value}:
            return Amount(value, read["currency"], read["signed"], read.get("whole", False))
        case {"number": value}:
            return Number(value, read["digits"], read["signed"])
        case {"p_value": value}:
            return PValue(value)
        case {"day": iso}:
            return Day(iso)
        case {"verbatim": value}:
            return Verbatim(value)
        case {"variant": name}:
            return VariantName(name)
        case {"metric": name}:
            return MetricName(name)
        case {"list": items}:
            return Listed(tuple(_figure_from(item) for item in items), read["joined"])
    return message_from(read)

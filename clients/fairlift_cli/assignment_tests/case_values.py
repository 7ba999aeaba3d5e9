"""Reads the values of a test file: shares, counts, times, attributes and payloads."""

import math
import re
from datetime import datetime

from fairlift.engine.attribute_values import AttributeValue
from fairlift.engine.campaign import JSON, AttributeType

from fairlift_cli import yaml_values
from fairlift_cli.yaml_tree import YamlList, YamlMapping, YamlScalar, YamlValue
from fairlift_cli.yaml_values import WrongValue

_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%", re.ASCII)
# As the server allows: more would leave too few visitors in any campaign.
_LARGEST_HOLDOUT = 0.5


def text_value(tree: YamlValue) -> str:
    """A text.

    Raises:
        WrongValue: it is something else.
    """
    return yaml_values.required_scalar(tree, "a text").text


def share_value(tree: YamlValue) -> float:
    """A share between 0 and 1, written as 50% or 0.5.

    Raises:
        WrongValue: it is something else.
    """
    scalar = yaml_values.required_scalar(tree, "a share such as 50%")
    percent = _PERCENT.fullmatch(scalar.text)
    number = float(percent[1]) / 100 if percent else scalar.as_number
    if number is None or not 0 <= number <= 1:
        raise WrongValue(f"is {scalar.text}, must be a share from 0% to 100%")
    return float(number)


def holdout_value(tree: YamlValue) -> float:
    """A share of all units that a server takes as its holdout, at most one half.

    Raises:
        WrongValue: it is something else.
    """
    share = share_value(tree)
    if share > _LARGEST_HOLDOUT:
        raise WrongValue(f"is {100 * share:g}%, must be at most 50%, as on a server")
    return share


def count_value(tree: YamlValue, *, least: int, most: int) -> int:
    """A whole number from `least` to `most`.

    Raises:
        WrongValue: it is something else.
    """
    scalar = yaml_values.required_scalar(tree, "a whole number")
    number = scalar.as_number
    if not isinstance(number, int) or not least <= number <= most:
        rule = f"must be a whole number from {least:,} to {most:,}"
        raise WrongValue(f"is {scalar.text}, {rule}")
    return number


def time_value(tree: YamlValue) -> datetime:
    """A time with its zone.

    Raises:
        WrongValue: it is something else.
    """
    return yaml_values.timestamp(tree)


def attribute_from_yaml(tree: YamlValue, declared: AttributeType | None) -> AttributeValue:
    """An attribute as a storefront sends it, of its declared type if there is one.

    Raises:
        WrongValue: it is of another type, or of none.
    """
    if declared is AttributeType.TIME:
        return time_value(tree)
    value: AttributeValue | None
    if isinstance(tree, YamlList):
        value = tuple(text_value(item) for item in tree.items)
    elif isinstance(tree, YamlScalar):
        value = yaml_values.json_value(tree)
    else:
        raise WrongValue("is a mapping, must be a text, a number, true, false, or a list of texts")
    if value is None:
        raise WrongValue("has no value; leave it out for a visitor who does not have it")
    if declared is not None and not isinstance(value, _CLASSES[declared]):
        raise WrongValue(f"must be a {declared}: the campaign declares it under attributes")
    return value


def json_tree(tree: YamlValue) -> JSON:
    """The value as a payload has it.

    Raises:
        WrongValue: a number is too large to be exact.
    """
    match tree:
        case YamlMapping():
            return {entry.key: json_tree(entry.value) for entry in tree.entries}
        case YamlList():
            return [json_tree(item) for item in tree.items]
    value = yaml_values.json_value(tree)
    is_whole = isinstance(value, float) and value.is_integer() and math.fabs(value) < 2**53
    return int(value) if isinstance(value, float) and is_whole else value


_CLASSES: dict[AttributeType, type | tuple[type, ...]] = {
    AttributeType.STRING: str,
    AttributeType.VERSION: str,
    AttributeType.NUMBER: float,
    AttributeType.BOOL: bool,
    AttributeType.LIST: tuple,
}

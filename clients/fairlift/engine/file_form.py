"""Writes parts of a campaign as a campaign file would, in one line."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime

from fairlift.engine.audience import EVERYBODY, Condition
from fairlift.engine.measure import ActionMeasure, LineMeasure, ReturnMeasure
from fairlift.engine.metric import (
    FunnelMetric,
    MeanMetric,
    Metric,
    QuantileMetric,
    RateMetric,
    RatioMetric,
)
from fairlift.engine.plan import (
    AlwaysValid,
    ExactConversion,
    ExpectedLoss,
    FixedHorizon,
    GroupSequential,
    HwangShihDecani,
    ObrienFleming,
    PlannedMetric,
    Pocock,
    PowerSpending,
    Yeast,
)
from fairlift.engine.plan_lists import MicroValue
from fairlift.engine.short_form import literal, short_form

# Where a file has several forms of one thing, the form is the key.
_CHOICES: dict[type, str] = {
    RateMetric: "rate",
    MeanMetric: "mean",
    RatioMetric: "ratio",
    QuantileMetric: "quantile",
    FunnelMetric: "funnel",
    ActionMeasure: "action",
    ReturnMeasure: "returned",
    LineMeasure: "lines",
    FixedHorizon: "fixed_horizon",
    GroupSequential: "group_sequential",
    AlwaysValid: "always_valid",
    Yeast: "yeast",
    ExactConversion: "exact_conversion",
    ExpectedLoss: "expected_loss",
    ObrienFleming: "obrien_fleming",
    Pocock: "pocock",
    HwangShihDecani: "hwang_shih_decani",
    PowerSpending: "power",
}
_SHARES = frozenset({"minimum_effect", "margin"})
_BPS = "_bps"
# A text that YAML takes for nothing else, and that needs no quotes within brackets.
_PLAIN = re.compile(r"[A-Za-z][\w./ ()-]*[\w.()]|[A-Za-z]", re.ASCII)
_NO_TEXTS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


def file_form(value: object) -> str:
    """The value as the line of a campaign file has it; empty for None.

    A text stands without quotes, as it is most of a line.

    >>> file_form(PlannedMetric("nps", minimum_effect=0.1))
    '{metric: nps, minimum_effect: 10%}'
    """
    if isinstance(value, str):
        return str(value)
    return "" if value is None else _form(value)


def percent(share: float) -> str:
    """The share in per cent: 0.05 as 5%.

    >>> percent(0.075)
    '7.5%'
    """
    return f"{_number(round(100 * share, 10))}%"


def _form(value: object) -> str:
    match value:
        case bool() | datetime():
            return literal(value)
        case str():
            is_plain = _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXTS
            return str(value) if is_plain else json.dumps(value, ensure_ascii=False)
        case int() | float():
            return _number(value)
        case tuple() | list():
            return f"[{', '.join(map(_form, value))}]"
        case Mapping():
            # Sorted: messages keep no order of their maps.
            return _mapping((_form(key), _form(value[key])) for key in sorted(value))
        case None:
            return "null"
        case _ if isinstance(value, Condition):
            return "everybody" if value == EVERYBODY else short_form(value)
    assert is_dataclass(value)  # for the type checker: nothing else is left
    entries = list(_entries(value))
    if isinstance(value, PlannedMetric) and len(entries) == 1:
        return _form(value.metric)
    choice = _CHOICES.get(type(value))
    if choice is None:
        return _mapping(iter(entries))
    return f"{{{choice}: {_mapping(iter(entries))}}}" if entries else choice


def _entries(value: object) -> Iterator[tuple[str, str]]:
    """The keys of a part that say more than their defaults."""
    for field in fields(value):  # type: ignore[arg-type]  # a dataclass, as the caller knows
        held = getattr(value, field.name)
        if isinstance(value, Metric) and field.name == "kind":
            yield _CHOICES[type(held)], _mapping(_entries(held))
        elif isinstance(value, MicroValue) and held is None:
            yield "calibrated", "{}"
        elif field.name.endswith(_BPS):
            yield field.name.removesuffix(_BPS), percent(held / 10_000)
        elif held != _default(value, field):
            yield field.name, percent(held) if field.name in _SHARES else _form(held)


def _default(owner: object, field: "Field[object]") -> object:
    """What the file means by leaving the key out; what no key means is None."""
    # A file that names one of these says all of it, as the contract does.
    says_all = isinstance(owner, HwangShihDecani | PowerSpending) or field.name == "futility"
    return None if says_all or field.default is MISSING else field.default


def _mapping(entries: Iterator[tuple[str, str]]) -> str:
    return f"{{{', '.join(f'{key}: {text}' for key, text in entries)}}}"


def _number(value: float) -> str:
    return f"{value:.15g}"

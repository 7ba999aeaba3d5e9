"""How golden files write what goes into a method and what comes out of it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import Interval

# JSON of many shapes goes in and comes out.
Json = Any
Found = dict[str, Any]  # one JSON object of numbers
Sums = Mapping[str, float]
Methods = dict[str, Callable[..., Json]]


def registering(methods: Methods) -> Callable[[Callable[..., Json]], Callable[..., Json]]:
    """A decorator that enters a function into `methods` under its name."""

    def method(function: Callable[..., Json]) -> Callable[..., Json]:
        methods[function.__name__] = function
        return function

    return method


def any_level(*functions: Callable[..., Found], **named: Callable[..., Found]) -> Methods:
    """Functions under their own or the given names, told their confidence in any word."""
    methods = {function.__name__: function for function in functions} | named
    return {name: _any_level(method) for name, method in methods.items()}


def _any_level(method: Callable[..., Found]) -> Callable[..., Found]:
    """The method, told its confidence in whatever word a file uses for it."""
    known = inspect.signature(method).parameters

    def answer(**given: Any) -> Found:
        for word in ("conf", "conf_level", "level"):
            if word in given and word not in known:
                given["confidence"] = given.pop(word)
        if "alpha" in given and "alpha" not in known and "options" not in known:
            given["confidence"] = 1 - given.pop("alpha")
        return method(**given)

    return answer


def ci(interval: Interval) -> Found:
    return {"ci": [interval.low, interval.high]}


def summary_of(arm: Sums) -> Summary:
    """Summary from `{"n": …, "x": Σx, "x*y": Σxy}`; a product may stand in either order."""
    sums = {name: value for name, value in arm.items() if name != "n" and "*" not in name}
    pairs = (tuple(name.split("*")) for name in arm if "*" in name)
    products = {(a, b): arm[f"{a}*{b}"] for a, b in pairs}
    return Summary.from_sums(int(arm["n"]), sums, products)


def number(value: float | str) -> float:
    """A number, or a fraction in words: "1/14"."""
    return float(Fraction(value)) if isinstance(value, str) else float(value)


def numbers(values: Sequence[float | str]) -> tuple[float, ...]:
    return tuple(number(value) for value in values)


def listed(value: Json) -> list[Json]:
    """A list, also where a source writes one number."""
    return value if isinstance(value, list) else [value]

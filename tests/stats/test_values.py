"""What a verdict is made of cannot be changed afterwards: values are frozen, field by field."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import fairlift_stats
import pytest
from fairlift_stats import methods, sequential, verdict


def modules(package: ModuleType) -> Iterator[str]:
    yield package.__name__
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield module.name


def values(package: ModuleType) -> list[type]:
    """The dataclasses that a package and its modules define."""
    return [
        kind
        for name in modules(package)
        for kind in vars(importlib.import_module(name)).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == name
    ]


def is_frozen(kind: type) -> bool:
    return bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]  # a dataclass


@pytest.mark.parametrize("package", [sequential, verdict, methods], ids=lambda p: p.__name__)
def test_values_of_the_rule_are_frozen_and_have_no_other_fields(package: ModuleType) -> None:
    found = values(package)

    assert len(found) > 3
    assert [kind.__qualname__ for kind in found if not is_frozen(kind)] == []
    assert [kind.__qualname__ for kind in found if "__slots__" not in vars(kind)] == []


def test_other_values_are_frozen_but_for_those_that_are_made_field_by_field() -> None:
    changeable = {kind.__qualname__ for kind in values(fairlift_stats) if not is_frozen(kind)}

    assert changeable == {"MetricPosteriors"}

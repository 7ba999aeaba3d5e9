"""A flag is given by its name: `closes=True` says what a bare True does not."""

import inspect
from types import FunctionType, ModuleType

import pytest
from fairlift_stats.sequential import calendar, guards, lines, looks, plan
from fairlift_stats.verdict import arm_facts, guardrails, ruling, standings

MODULES = (calendar, guards, lines, looks, plan, arm_facts, guardrails, ruling, standings)


def flags(module: ModuleType) -> dict[str, inspect._ParameterKind]:
    """Every parameter that is true or false, of the functions of a module."""
    functions = {
        name: inspect.unwrap(found) for name, found in vars(module).items() if callable(found)
    }
    return {
        f"{name}.{parameter.name}": parameter.kind
        for name, function in functions.items()
        if isinstance(function, FunctionType) and function.__module__ == module.__name__
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation is bool
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_flags_are_given_by_name(module: ModuleType) -> None:
    by_place = [
        name for name, kind in flags(module).items() if kind is not inspect.Parameter.KEYWORD_ONLY
    ]

    assert by_place == []


def test_there_are_flags_to_look_at() -> None:
    assert {"stopping_lines.closes", "give_up_lines.closes"} <= set(flags(lines))
    assert "occasion.entry_stopped" in flags(calendar)

"""Which of our functions answers each method that the golden files name."""

from collections.abc import Callable
from typing import Any

from tests.golden.methods import (
    always_valid,
    bayes_and_bandit,
    e_values,
    group_sequential,
    linear,
    looked_at,
    means,
    planning,
    posteriors,
    rates,
)

# Each module holds a dict METHODS: name of the method → callable(**input) → what it found.
MODULES = (
    rates,
    means,
    linear,
    posteriors,
    planning,
    group_sequential,
    looked_at,
    always_valid,
    e_values,
    bayes_and_bandit,
)

# The inputs and outputs are JSON of many shapes.
METHODS: dict[str, Callable[..., Any]] = {
    name: method for module in MODULES for name, method in module.METHODS.items()
}

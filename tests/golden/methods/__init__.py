"""Which of our functions answers each method that the golden files name."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

# Each module holds a dict METHODS: name of the method → callable(**input) → dict of what it found.
MODULES = ("tests.golden.methods.stats_methods", "tests.golden.sequential_methods")

# The inputs and outputs are JSON of many shapes.
METHODS: dict[str, Callable[..., Any]] = {
    name: method
    for module in MODULES
    if find_spec(module) is not None
    for name, method in import_module(module).METHODS.items()
}

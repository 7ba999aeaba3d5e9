"""The methods of stats.json, each answered by the function that the product uses."""

from collections.abc import Callable
from typing import Any

METHODS: dict[str, Callable[..., Any]] = {}

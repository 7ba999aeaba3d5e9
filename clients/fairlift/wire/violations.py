"""Collects every broken rule of a message, so that one answer names them all."""

from collections.abc import Callable
from typing import TypeVar

from fairlift.engine.errors import Invalid, InvalidCampaign, Violation

T = TypeVar("T")


class Findings:
    """The violations of one message and of the messages in it."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def add(self, field: str, message: str) -> None:
        """Notes one violation."""
        self.violations.append(Violation(field, message))

    def take(self, field: str, build: Callable[[], T], fallback: T) -> T:
        """What build returns; when it finds rules broken, notes them and returns the fallback."""
        try:
            return build()
        except Invalid as error:
            self.violations += error.below(field).violations
            return fallback

    def raise_any(self) -> None:
        """Raises InvalidCampaign when there is a violation."""
        if self.violations:
            raise InvalidCampaign(self.violations)

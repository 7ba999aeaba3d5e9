"""Enumerations of the contract to the engine's, by name; one table each way."""

from enum import Enum
from typing import Any, Generic, TypeVar

from fairlift.engine.errors import InvalidCampaign, Violation

E = TypeVar("E", bound=Enum)


class EnumTable(Generic[E]):
    """A mapping between the engine's enumeration and the contract's, both ways.

    Both name their members alike, but for the contract's prefix; zero stands for "not given".
    """

    # Any: the generated code gives every enumeration a number type of its own.
    def __init__(self, engine: type[E], wire: Any, prefix: str) -> None:
        self._to: dict[E, int] = {
            member: wire.Value(f"{prefix}_{member.name}") for member in engine
        }
        self._from = {number: member for member, number in self._to.items()}

    def to(self, member: E) -> Any:
        """The contract's number."""
        return self._to[member]

    def get(self, number: int, default: E) -> E:
        """The engine's member; the default for "not given" and for numbers from the future."""
        return self._from.get(number, default)

    def need(self, number: int, field: str) -> E:
        """The engine's member.

        Raises:
            InvalidCampaign: the field is not given, or its number is not known.
        """
        try:
            return self._from[number]
        except KeyError:
            names = ", ".join(member.name.lower() for member in self._to)
            found = "is missing" if number == 0 else f"is {number}"
            message = f"{found}, must be one of {names}"
            raise InvalidCampaign([Violation(field, message)]) from None

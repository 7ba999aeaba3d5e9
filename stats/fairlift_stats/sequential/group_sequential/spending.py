"""How much of the error may be used up by the time a part of the information is in."""

import math
from dataclasses import dataclass
from typing import Final, Literal, assert_never, get_args

from scipy.special import ndtr, ndtri

from fairlift_stats.sequential.errors import BadLevel, BadPlan, NotANumber

SpendingName = Literal["lan_demets_obf", "lan_demets_pocock", "hsd", "power", "at_the_end"]
_NAMES: Final = get_args(SpendingName)
_NEED_PARAMETER: Final = ("hsd", "power")


@dataclass(frozen=True, slots=True)
class Spending:
    """A spending function: the share of one side's error used by information fraction t.

    `hsd` takes gamma (negative spends late), `power` takes rho (large spends late); the
    Lan-DeMets forms take nothing. `at_the_end` spends all at the last look: a fixed test.

    Raises:
        BadPlan: the name is not known, or its parameter is missing, unwanted or out of range.

    Source: Lan & DeMets (1983); Hwang, Shih & DeCani (1990); Kim & DeMets (1987).

    >>> round(Spending("power", 2.0).spent(0.025, 0.5), 5)
    0.00625
    """

    name: SpendingName
    parameter: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no spending function."""
        if self.name not in _NAMES:
            raise BadPlan(f"spending: {self.name!r} is not known; use one of {', '.join(_NAMES)}")
        wants = self.name in _NEED_PARAMETER
        if wants and (self.parameter is None or not math.isfinite(self.parameter)):
            raise BadPlan(f"spending {self.name}: needs a finite parameter, found {self.parameter}")
        if not wants and self.parameter is not None:
            raise BadPlan(f"spending {self.name}: takes no parameter, found {self.parameter}")
        if self.name == "power" and self.parameter is not None and self.parameter <= 0:
            raise BadPlan(f"spending power: rho is {self.parameter}, must be above 0")

    def spent(self, level: float, t: float) -> float:
        """Error used by information fraction t, out of `level` for this side; all of it from t = 1.

        Raises:
            BadLevel: the level is not strictly between 0 and 1.
            NotANumber: t is NaN.
        """
        if not 0 < level < 1:
            raise BadLevel("level", level)
        if math.isnan(t):
            raise NotANumber("information", "a number", t)
        if t >= 1:
            return level
        if t <= 0:
            return 0.0
        parameter = self.parameter if self.parameter is not None else 0.0
        match self.name:
            case "lan_demets_obf":
                return float(2 * ndtr(ndtri(level / 2) / math.sqrt(t)))
            case "lan_demets_pocock":
                return level * math.log1p((math.e - 1) * t)
            case "hsd":
                if parameter == 0:
                    return level * t
                return level * math.expm1(-parameter * t) / math.expm1(-parameter)
            case "power":
                return float(level * t**parameter)
            case "at_the_end":
                return 0.0
            case unreachable:
                assert_never(unreachable)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a boundary: its error and how it is spent."""

    spending: Spending
    level: float

    def __post_init__(self) -> None:
        """Refuse a level that is no probability."""
        if not 0 < self.level < 1:
            raise BadLevel("level", self.level)

    def spent(self, t: float) -> float:
        """Error used by information fraction t."""
        return self.spending.spent(self.level, t)

    def spent_between(self, before: float, now: float) -> float:
        """Error used between two information fractions."""
        return self.spent(now) - self.spent(before)

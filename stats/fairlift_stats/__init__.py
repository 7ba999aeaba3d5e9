"""Statistics of experiments in online shops: numbers in, numbers out; no clock, no file.

Names load on first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlift_stats.bayes.shrinkage import SCEPTICAL, LiftPrior
    from fairlift_stats.data.metrics import Funnel, Mean, Quantile, Rate, Ratio
    from fairlift_stats.data.summary import Summary
    from fairlift_stats.effects import (
        Arm,
        CannotSay,
        CannotSayCode,
        Effect,
        Flag,
        FlagCode,
        Interval,
        NonInferiority,
        Posterior,
    )
    from fairlift_stats.errors import (
        BadQuestion,
        BadSummary,
        MissingColumn,
        NoEstimate,
        StatisticsError,
        TooFewUnits,
        UnknownVariant,
    )
    from fairlift_stats.methods.quantiles import QuantileArm
    from fairlift_stats.report.analysis import Analysis, Report, compare
    from fairlift_stats.report.question import Guardrail
    from fairlift_stats.report.result import Result

_HOME = {
    "bayes.shrinkage": ("SCEPTICAL", "LiftPrior"),
    "data.metrics": ("Funnel", "Mean", "Quantile", "Rate", "Ratio"),
    "data.summary": ("Summary",),
    "effects": (
        "Arm",
        "CannotSay",
        "Effect",
        "Flag",
        "FlagCode",
        "Interval",
        "NonInferiority",
        "Posterior",
        "CannotSayCode",
    ),
    "errors": (
        "BadQuestion",
        "BadSummary",
        "MissingColumn",
        "NoEstimate",
        "StatisticsError",
        "TooFewUnits",
        "UnknownVariant",
    ),
    "methods.quantiles": ("QuantileArm",),
    "report.analysis": ("Analysis", "Report", "compare"),
    "report.question": ("Guardrail",),
    "report.result": ("Result",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "SCEPTICAL",
    "Analysis",
    "Arm",
    "BadQuestion",
    "BadSummary",
    "CannotSay",
    "CannotSayCode",
    "Effect",
    "Flag",
    "FlagCode",
    "Funnel",
    "Guardrail",
    "Interval",
    "LiftPrior",
    "Mean",
    "MissingColumn",
    "NoEstimate",
    "NonInferiority",
    "Posterior",
    "Quantile",
    "QuantileArm",
    "Rate",
    "Ratio",
    "Report",
    "Result",
    "StatisticsError",
    "Summary",
    "TooFewUnits",
    "UnknownVariant",
    "compare",
]


def __getattr__(name: str) -> object:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

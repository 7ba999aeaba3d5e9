"""Statistics of experiments in online shops: numbers in, numbers out; no clock, no file.

Names load on first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlift_stats.bayes.shrinkage import SCEPTICAL, LiftPrior
    from fairlift_stats.data.metrics import Funnel, Mean, Quantile, Rate, Ratio
    from fairlift_stats.data.summary import Summary
    from fairlift_stats.design.duration import Traffic, duration
    from fairlift_stats.design.power import (
        PowerDesign,
        Variability,
        mde,
        rate_power,
        rate_units,
        units_needed,
    )
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
        BadFrame,
        BadQuestion,
        BadSummary,
        MissingColumn,
        NoEstimate,
        StatisticsError,
        TooFewUnits,
        UnknownVariant,
    )
    from fairlift_stats.frames.analyze import analyze
    from fairlift_stats.frames.frame_report import FrameReport
    from fairlift_stats.frames.second_opinion import SecondOpinion
    from fairlift_stats.frames.summarize import summarize
    from fairlift_stats.methods.quantiles import QuantileArm
    from fairlift_stats.methods.sample_ratio import SampleRatio, sample_ratio
    from fairlift_stats.report.analysis import Analysis, Report, compare
    from fairlift_stats.report.decomposition import Decomposition, decompose
    from fairlift_stats.report.question import Guardrail
    from fairlift_stats.report.result import Result
    from fairlift_stats.sequential.looks import Look, LookLog
    from fairlift_stats.sequential.plan import SequentialPlan
    from fairlift_stats.verdict import Verdict, decide

_MODULES = {
    "bayes.shrinkage": (
        "SCEPTICAL",
        "LiftPrior",
    ),
    "data.metrics": (
        "Funnel",
        "Mean",
        "Quantile",
        "Rate",
        "Ratio",
    ),
    "data.summary": ("Summary",),
    "design.duration": (
        "Traffic",
        "duration",
    ),
    "design.power": (
        "PowerDesign",
        "Variability",
        "mde",
        "rate_power",
        "rate_units",
        "units_needed",
    ),
    "effects": (
        "Arm",
        "CannotSay",
        "CannotSayCode",
        "Effect",
        "Flag",
        "FlagCode",
        "Interval",
        "NonInferiority",
        "Posterior",
    ),
    "errors": (
        "BadFrame",
        "BadQuestion",
        "BadSummary",
        "MissingColumn",
        "NoEstimate",
        "StatisticsError",
        "TooFewUnits",
        "UnknownVariant",
    ),
    "frames.analyze": ("analyze",),
    "frames.frame_report": ("FrameReport",),
    "frames.second_opinion": ("SecondOpinion",),
    "frames.summarize": ("summarize",),
    "methods.quantiles": ("QuantileArm",),
    "methods.sample_ratio": (
        "SampleRatio",
        "sample_ratio",
    ),
    "report.analysis": (
        "Analysis",
        "Report",
        "compare",
    ),
    "report.decomposition": (
        "Decomposition",
        "decompose",
    ),
    "report.question": ("Guardrail",),
    "report.result": ("Result",),
    "sequential.looks": (
        "Look",
        "LookLog",
    ),
    "sequential.plan": ("SequentialPlan",),
    "verdict": (
        "Verdict",
        "decide",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "SCEPTICAL",
    "Analysis",
    "Arm",
    "BadFrame",
    "BadQuestion",
    "BadSummary",
    "CannotSay",
    "CannotSayCode",
    "Decomposition",
    "Effect",
    "Flag",
    "FlagCode",
    "FrameReport",
    "Funnel",
    "Guardrail",
    "Interval",
    "LiftPrior",
    "Look",
    "LookLog",
    "Mean",
    "MissingColumn",
    "NoEstimate",
    "NonInferiority",
    "Posterior",
    "PowerDesign",
    "Quantile",
    "QuantileArm",
    "Rate",
    "Ratio",
    "Report",
    "Result",
    "SampleRatio",
    "SecondOpinion",
    "SequentialPlan",
    "StatisticsError",
    "Summary",
    "TooFewUnits",
    "Traffic",
    "UnknownVariant",
    "Variability",
    "Verdict",
    "analyze",
    "compare",
    "decide",
    "decompose",
    "duration",
    "mde",
    "rate_power",
    "rate_units",
    "sample_ratio",
    "summarize",
    "units_needed",
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

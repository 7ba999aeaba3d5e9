"""The same figures from another library, so that an analyst need not take our word."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from scipy.special import ndtri

from fairlift_stats.effects import Role
from fairlift_stats.frames.plain_text import aligned
from fairlift_stats.frames.table import Column, FrameTable
from fairlift_stats.report.analysis import Report
from fairlift_stats.report.result import Result

__all__ = ["ComparedFigure", "SecondOpinion", "second_opinion"]

# Figures that agree to so many digits were computed from the same formula.
SAME_TO: Final = 1e-6
# What a reason explains at most: of an interval's half, and of a p-value's distance from 0 in
# standard errors. Other degrees of freedom, or n for n − 1, are far below it.
MOST_GAP: Final = 0.25
# Of an integral over several treatments, which is computed by steps.
NUMERIC_GAP: Final = 0.01
HOLM_WHY = (
    "ours takes the treatments of a metric together, as they share one control (Dunnett), then "
    "corrects for the metrics; Holm corrects all p-values one after the other"
)
NOTHING = "No figure was compared: these data give none that statsmodels computes, too."
RAW_WHY = "some of the p-values that are corrected differ already"
BENJAMINI_HOCHBERG_WHY = (
    "ours corrects the p-values that hold for all treatments at once (Dunnett); theirs are raw"
)


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure, ours and theirs.

    Attributes:
        metric, variant: of the result.
        figure: its column in `FrameReport.to_dicts`, as `lift_low`.
        ours, theirs: None where there is none.
        method: what statsmodels was asked.
        why: why the two may differ; empty where they should not.
        limits: of an adjusted p-value, between which ours stands for that reason; else None.
    """

    metric: str
    variant: str
    figure: str
    ours: float | None
    theirs: float | None
    method: str
    why: str
    limits: tuple[float, float] | None = field(default=None, compare=False)

    @property
    def difference(self) -> float | None:
        """Ours − theirs; None where one is missing."""
        if self.ours is None or self.theirs is None:
            return None
        return 0.0 if self.ours == self.theirs else self.ours - self.theirs

    @property
    def agrees(self) -> bool:
        """Are they the same, to six digits?"""
        if self.ours is None or self.theirs is None:
            return self.ours is self.theirs
        return math.isclose(self.ours, self.theirs, rel_tol=SAME_TO, abs_tol=1e-12)


@dataclass(frozen=True, slots=True, repr=False)
class SecondOpinion:
    """Figures of a report beside those of statsmodels.

    Attributes:
        figures: in the order of the report.
    """

    figures: tuple[ComparedFigure, ...]
    table: FrameTable = field(compare=False)

    @property
    def unexplained(self) -> tuple[ComparedFigure, ...]:
        """Figures that differ where they should not, or by more than their reason explains.

        Please report these as a bug.
        """
        widths = _half_widths(self.figures)
        return tuple(f for f in self.figures if not (f.agrees or _is_explained(f, widths)))

    def to_dicts(self) -> list[dict[str, str | float | bool | None]]:
        """One dictionary per figure."""
        return [
            {name: value for name, value in asdict(figure).items() if name != "limits"}
            | {"difference": figure.difference, "agrees": figure.agrees}
            for figure in self.figures
        ]

    def to_frame(self) -> object:
        """The same as a table in the library of the frame that was analysed."""
        types: Mapping[str, type] = {
            **dict.fromkeys(("metric", "variant", "figure"), str),
            **dict.fromkeys(("ours", "theirs", "difference"), float),
            "agrees": bool,
            "method": str,
            "why": str,
        }
        return self.table.frame_of(self.to_dicts(), types)

    def __str__(self) -> str:
        """A line per figure with the number of its reason, then the reasons."""
        if not self.figures:
            return NOTHING
        header = ("metric", "variant", "figure", "ours", "theirs", "", "why")
        unexplained = self.unexplained
        said = dict.fromkeys(_reason(f) for f in self.figures if f.why)
        numbers = {reason: f"({number})" for number, reason in enumerate(said, 1)}
        rows = ((*_row(f, f in unexplained), numbers.get(_reason(f), "")) for f in self.figures)
        lines = aligned([header, *rows])
        reasons = (f"{number} {reason}" for reason, number in numbers.items())
        same = sum(figure.agrees for figure in self.figures)
        end = f"{same} of {len(self.figures)} figures agree to six digits."
        if unexplained:
            end += (
                f" {len(unexplained)} differ and should not. The frame was read again: unless "
                "it was changed since, please report that as a bug."
            )
        return "\n".join([*lines, "", *reasons, end])

    __repr__ = __str__


def _half_widths(figures: Iterable[ComparedFigure]) -> dict[tuple[str, ...], float]:
    """Half of each of their intervals, by metric, variant, method and what it is of."""
    ends: dict[tuple[str, ...], list[float]] = {}
    for figure in figures:
        if figure.theirs is not None and figure.figure.endswith(("_low", "_high")):
            ends.setdefault(_interval_of(figure), []).append(figure.theirs)
    return {key: (max(both) - min(both)) / 2 for key, both in ends.items()}


def _interval_of(figure: ComparedFigure) -> tuple[str, ...]:
    return figure.metric, figure.variant, figure.method, figure.figure.rpartition("_")[0]


def _is_explained(figure: ComparedFigure, half_widths: Mapping[tuple[str, ...], float]) -> bool:
    """Whether the reason why two methods differ explains a gap of this size."""
    if not figure.why:
        return False
    if figure.ours is None:
        return False  # reasons say why theirs is missing
    if figure.theirs is None:
        return True
    if figure.limits is not None:
        low, high = figure.limits
        gap = MOST_GAP if RAW_WHY in figure.why else NUMERIC_GAP
        least, most = _errors(high), _errors(low)
        ours = _errors(figure.ours)
        return least - gap * max(1.0, least) <= ours <= most + gap * max(1.0, most)
    if figure.figure.endswith("p_value"):
        ours, theirs = _errors(figure.ours), _errors(figure.theirs)
        return abs(ours - theirs) <= MOST_GAP * max(1.0, abs(theirs))
    return abs(figure.ours - figure.theirs) <= MOST_GAP * half_widths[_interval_of(figure)]


def _errors(p_value: float) -> float:
    """The distance from 0, in standard errors, that has this p-value on both sides."""
    return float(-ndtri(max(p_value, 1e-300) / 2))


def second_opinion(
    report: Report, table: FrameTable, columns: Sequence[Column], variant: str
) -> SecondOpinion:
    """The figures of a report, computed anew from its frame by statsmodels.

    Args:
        report: whose figures to compute.
        table: the frame.
        columns: that the report's metrics were summed from.
        variant: the column of variants.

    Raises:
        ModuleNotFoundError: statsmodels is not installed.
    """
    try:
        from fairlift_stats.frames import statsmodels_figures as statsmodels
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a second opinion is computed by statsmodels: pip install statsmodels", name=error.name
        ) from None

    rows = table.rows(columns, variant)
    arms = {str(label): values for (label, values) in rows.items()}
    figures = [
        _compared(result, *opinion)
        for result in report.results
        for opinion in statsmodels.opinions_of(result, arms)
    ]
    for role in ("primary", "secondary"):
        figures += _corrected(report, figures, role, statsmodels.corrected_p_values)
    return SecondOpinion(tuple(figures), table)


def _corrected(
    report: Report,
    figures: Iterable[ComparedFigure],
    role: Role,
    correct: Callable[[Sequence[float], Role], list[float]],
) -> list[ComparedFigure]:
    """The p-values of a role, corrected for their number."""
    # Their first p-value of a result is from the method nearest to ours.
    first = {(f.metric, f.variant): f for f in reversed([*figures]) if f.figure == "p_value"}
    pairs = [(r, first.get((r.metric, r.variant))) for r in report.results if r.role == role]
    tested = [(r, f, f.theirs) for r, f in pairs if f is not None and f.theirs is not None]
    is_primary = role == "primary"
    method = "Holm (multipletests)" if is_primary else "Benjamini–Hochberg (multipletests)"
    reasons = []
    if len(report.variants) > 2:
        reasons.append(HOLM_WHY if is_primary else BENJAMINI_HOCHBERG_WHY)
    if any(f.why for _, f, _ in tested):
        reasons.append(RAW_WHY)
    raw = [p for *_, p in tested]
    corrected = correct(raw, role)
    limits = _limits(raw, corrected, role, correct, pairs=len(pairs), arms=len(report.variants) - 1)
    return [
        replace(_compared(result, "adjusted_p", p, method, "; ".join(reasons)), limits=between)
        for (result, _, _), p, between in zip(tested, corrected, limits, strict=True)
    ]


def _limits(
    raw: Sequence[float],
    corrected: Sequence[float],
    role: Role,
    correct: Callable[[Sequence[float], Role], list[float]],
    *,
    pairs: int,
    arms: int,
) -> list[tuple[float, float]]:
    """Between which p-values ours stands, from theirs; of one treatment the two are the same.

    Dunnett's p-value is between the raw one and 1 − (1 − p)ⁿ of n treatments. Over the metrics it
    is multiplied by their number at most (Holm); what Benjamini and Hochberg make of p-values
    grows with them.

    Source: Šidák (1967), "Rectangular confidence regions for the means of multivariate normal
    distributions"; its inequality holds for any correlation.
    """
    if arms == 1 or not raw:
        return [(p, p) for p in corrected]
    highest = [1 - (1 - p) ** arms for p in raw]
    if role == "primary":
        metrics = pairs / arms
        return [(p, min(1.0, metrics * most)) for p, most in zip(raw, highest, strict=True)]
    # Of pairs that statsmodels cannot test, the p-values may be any.
    untested = pairs / len(raw)
    most = (min(1.0, untested * p) for p in correct(highest, role))
    return list(zip(raw, most, strict=True))


def _compared(
    result: Result, figure: str, theirs: float | None, method: str, why: str
) -> ComparedFigure:
    ours = result[figure]
    assert ours is None or isinstance(ours, float)
    return ComparedFigure(result.metric, result.variant, figure, ours, theirs, method, why)


def _reason(figure: ComparedFigure) -> str:
    return f"{figure.method}: {figure.why}"


def _row(figure: ComparedFigure, is_unexplained: bool) -> tuple[str, ...]:
    shown = ("-" if value is None else f"{value:.6g}" for value in (figure.ours, figure.theirs))
    mark = "" if figure.agrees else "DIFFERS" if is_unexplained else "differs"
    return (figure.metric, figure.variant, figure.figure, *shown, mark)

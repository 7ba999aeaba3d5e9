"""From summaries to answers: one `Result` for each metric and treatment arm."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fairlift_stats.answers import Answers
from fairlift_stats.moments import require, stack
from fairlift_stats.multiplicity import benjamini_hochberg, holm_families
from fairlift_stats.quantiles import Quantiles
from fairlift_stats.results import CannotSay, Result
from fairlift_stats.rows import Row, rows_of
from fairlift_stats.summary import Summary

if TYPE_CHECKING:
    from fairlift_stats.analysis import Analysis

__all__ = ["answer"]


def answer(
    analysis: "Analysis",
    variants: tuple[str, ...],
    summaries: Sequence[Summary],
    quantiles: Sequence[Quantiles],
) -> tuple[Result, ...]:
    """Answers for all metrics and treatments; the first variant is the control."""
    moments = stack(summaries, analysis.columns)
    require(moments, analysis.products)
    rows = rows_of(analysis.metrics, analysis.layout, moments, quantiles, analysis.alpha)
    treatments = range(1, len(variants))
    whys = [[row.cannot_compare(i) for i in treatments] for row in rows]
    return tuple(
        Result(answers, i)
        for row, why, adjusted in zip(rows, whys, _adjusted(rows, whys), strict=True)
        for answers in (Answers(row, variants, why, adjusted, moments, analysis),)
        for i in treatments
    )


def _adjusted(rows: list[Row], whys: list[list[CannotSay | None]]) -> list[list[float | None]]:
    """Holm over primary metrics, BH over secondary ones; guardrails are judged one by one."""
    found: list[list[float | None]] = [
        [None if why else p for p, why in zip(row.joint_p, said, strict=True)]
        for row, said in zip(rows, whys, strict=True)
    ]
    primary, secondary = (
        [found[i] for i, row in enumerate(rows) if row.planned.role == role and not all(whys[i])]
        for role in ("primary", "secondary")
    )
    holm = holm_families([[1.0 if p is None else p for p in arms] for arms in primary])
    for arms, family in zip(primary, holm, strict=True):
        arms[:] = [None if p is None else q for p, q in zip(arms, family, strict=True)]
    asked = iter(benjamini_hochberg([p for arms in secondary for p in arms if p is not None]))
    for arms in secondary:
        arms[:] = [None if p is None else next(asked) for p in arms]
    return found

"""A report by segment: every segment drawn towards the whole, none shown as a raw winner."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr

from fairlift_stats.bayes.segment_shrinkage import Segment, SegmentPrior, fit_segments, log_lift
from fairlift_stats.data.metrics import Direction, Quantile, Rate, Summed
from fairlift_stats.data.moments import Moments, products_of, require, stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import CannotSay, Interval, Reason
from fairlift_stats.errors import UnknownVariant
from fairlift_stats.locale import text
from fairlift_stats.messages import Message, Number, Percent, Text
from fairlift_stats.methods import fieller, score
from fairlift_stats.methods.delta_method import estimates_within
from fairlift_stats.methods.multiplicity import adjusted_p
from fairlift_stats.methods.random_effects import Heterogeneity
from fairlift_stats.report.comparison import linear_estimates
from fairlift_stats.report.layout import Layout
from fairlift_stats.report.question import Question

__all__ = ["SegmentFamily", "SegmentLift", "segment_families"]

Array: TypeAlias = npt.NDArray[np.float64]

# The lift that a segment too small to conclude is told it would need units for.
WORTH_SEEING = 0.10


@dataclass(frozen=True, slots=True)
class SegmentLift:
    """One segment of one metric and treatment.

    Attributes:
        segment: its name.
        n: units in the treatment and the control together.
        raw, raw_interval: lift from its own data only; never a claim.
        p_value, adjusted_p: of no difference in this segment, raw and by BH over the segments.
        lift, interval, p_positive: posterior of the lift, given all segments.
        message: what may be claimed, from the posterior alone.
    """

    segment: str
    n: int
    raw: float
    raw_interval: Interval
    p_value: float
    adjusted_p: float
    lift: float
    interval: Interval
    p_positive: float
    message: Message

    @property
    def sentence(self) -> str:
        """The claim in English."""
        return text(self.message)


@dataclass(frozen=True, slots=True)
class SegmentFamily:
    """All segments of one metric and treatment.

    Attributes:
        metric, variant: whose.
        segments: those with an answer, in the order given.
        left_out: why others have none.
        average: posterior mean of the average lift over segments; None below two segments.
        heterogeneity: the test that all segments share one lift; None below two segments.
    """

    metric: str
    variant: str
    segments: tuple[SegmentLift, ...]
    left_out: Mapping[str, CannotSay]
    average: float | None
    heterogeneity: Heterogeneity | None


def segment_families(
    question: Question, cells: Mapping[str, Mapping[str, Summary]], prior: SegmentPrior
) -> tuple[SegmentFamily, ...]:
    """One family per metric and treatment.

    Means and ratios are adjusted by their covariates as in the report, with the slopes of all
    segments together. Rates stay counts, so that a segment where nobody bought has an answer.

    Raises:
        UnknownVariant: a segment lacks the control, or segments differ in their variants.
        MissingColumn, BadSummary: as in a report.
    """
    segments = tuple(cells)
    variants = _variants(question.control, cells)
    metrics = [
        dataclasses.replace(p.metric, covariates=()) if isinstance(p.metric, Rate) else p.metric
        for p in question.metrics
        if not isinstance(p.metric, Quantile)
    ]
    flat = [cells[s][v] for s in segments for v in variants]
    moments = stack(flat, tuple(dict.fromkeys(c for m in metrics for c in m.columns)))
    require(moments, products_of(metrics))
    n = moments.n.reshape(len(segments), len(variants))
    families = []
    for metric in metrics:
        effect, variance, p, why = _effects(metric, moments, len(segments))
        for i, variant in enumerate(variants[1:]):
            found = _Effects(
                metric.name, variant, metric.direction, segments, (n[:, 0] + n[:, i + 1]).tolist(),
                effect[:, i], variance[:, i], p[:, i], [row[i] for row in why],
            )  # fmt: skip
            families.append(_family(found, prior, question.confidence))
    return tuple(families)


def _variants(control: str, cells: Mapping[str, Mapping[str, Summary]]) -> tuple[str, ...]:
    if not cells:
        raise UnknownVariant("segments: there are none")
    first = next(iter(cells.values()))
    for segment, arms in cells.items():
        if set(arms) != set(first) or control not in arms or len(arms) < 2:
            raise UnknownVariant(
                f"segment {segment}: has {[*arms]}; every segment needs the same variants, "
                f"{control!r} among them"
            )
    return (control, *(name for name in first if name != control))


@dataclass(frozen=True, slots=True)
class _Effects:
    """Log lifts of one metric and treatment in all segments."""

    metric: str
    variant: str
    direction: Direction
    segments: tuple[str, ...]
    n: list[float]
    effect: Array
    variance: Array
    p: Array
    why: list[CannotSay | None]


def _effects(
    metric: Summed, moments: Moments, segments: int
) -> tuple[Array, Array, Array, list[list[CannotSay | None]]]:
    """(segments, treatments) log lifts, their variances, p-values, and what cannot be said."""
    layout = Layout.of([metric], moments.columns)
    if isinstance(metric, Rate):
        x, n = (part.reshape(segments, -1) for part in layout.counts(moments))
        xt, nt, xc, nc = x[:, 1:], n[:, 1:], x[:, :1], n[:, :1]
        effect, variance = log_lift(xt, nt, xc, nc)
        safe_t, safe_c = np.maximum(nt, 1), np.maximum(nc, 1)
        p = 2 * ndtr(-np.abs(score.pooled_z(xt, safe_t, xc, safe_c)))
        empty = _reasons(metric.name, (nt > 0) & (nc > 0), Reason.NO_UNITS, "no units")
        same = _reasons(metric.name, variance > 0, Reason.NO_VARIATION, "all units did it")
        reasons = [
            [a or b for a, b in zip(*rows, strict=True)] for rows in zip(empty, same, strict=True)
        ]
        return effect, variance, p, reasons
    if metric.covariates:
        found = estimates_within(moments, metric, len(moments.n) // segments)
    else:
        found = linear_estimates(layout, moments)
    value, spread, units, shared = (
        part.reshape(segments, -1)
        for part in (found.value, found.variance, found.units, found.with_control)
    )
    mt, mc, vt, vc, cov = value[:, 1:], value[:, :1], spread[:, 1:], spread[:, :1], shared[:, 1:]
    usable = (mt > 0) & (mc > 0) & (vt > 0) & (vc > 0)
    usable &= (units[:, 1:] >= 2) & (units[:, :1] >= 2) & np.isfinite(mt) & np.isfinite(mc)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.log(mt / mc)
        variance = vt / (mt * mt) + vc / (mc * mc) - 2 * cov / (mt * mc)
        df = fieller.satterthwaite(vt, vc, units[:, 1:], units[:, :1])
        p = 2 * stdtr(df, -np.abs(mt - mc) / np.sqrt(vt + vc - 2 * cov))
    why = "an arm is empty, not positive, or all the same"
    return effect, variance, p, _reasons(metric.name, usable, Reason.TOO_FEW_UNITS, why)


def _reasons(
    name: str, usable: npt.NDArray[np.bool_], reason: Reason, why: str
) -> list[list[CannotSay | None]]:
    answer = CannotSay(reason, f"{name}: cannot conclude in this segment; {why}.")
    return [[None if ok else answer for ok in row] for row in usable.tolist()]


def _family(found: _Effects, prior: SegmentPrior, confidence: float) -> SegmentFamily:
    kept = [i for i, why in enumerate(found.why) if why is None]
    left_out = {found.segments[i]: why for i, why in enumerate(found.why) if why is not None}
    if len(kept) < 2:
        alone = CannotSay(
            Reason.TOO_FEW_UNITS,
            f"{found.metric}: a comparison of segments needs two or more with an answer.",
        )
        left_out |= {found.segments[i]: alone for i in kept}
        return SegmentFamily(found.metric, found.variant, (), left_out, None, None)
    effects = {found.segments[i]: (float(found.effect[i]), float(found.variance[i])) for i in kept}
    fit = fit_segments(effects, prior=prior, confidence=confidence)
    adjusted = adjusted_p(found.p[kept], "BH").tolist()
    lifts = tuple(
        _lift(segment, found, i, q)
        for i, segment, q in zip(kept, fit.segments, adjusted, strict=True)
    )
    return SegmentFamily(
        found.metric, found.variant, lifts, left_out, math.expm1(fit.mean), fit.heterogeneity
    )


def _lift(segment: Segment, found: _Effects, i: int, adjusted: float) -> SegmentLift:
    interval = _exp(segment.interval)
    return SegmentLift(
        segment.name,
        int(found.n[i]),
        math.expm1(segment.raw),
        _exp(segment.raw_interval),
        float(found.p[i]),
        adjusted,
        math.expm1(segment.shrunk),
        interval,
        segment.p_positive,
        _claim(segment.name, interval, found.n[i] * float(found.variance[i]), found.direction),
    )


def _exp(interval: Interval) -> Interval:
    return Interval(math.expm1(interval.low), math.expm1(interval.high))


def _claim(name: str, interval: Interval, spread: float, direction: Direction) -> Message:
    """What may be claimed; `spread` is the variance that one unit alone would have."""
    segment = Text(name)
    if 0 in interval:
        distance = float(ndtri(0.975) + ndtri(0.8)) / math.log1p(WORTH_SEEING)
        needed = Number(float(f"{spread * distance**2:.2g}"))  # "about" has no five digits
        lift = Percent(WORTH_SEEING, 0)
        return Message.counted(
            "segment.unclear", "needed", segment=segment, lift=lift, needed=needed
        )
    better = (interval.low >= 0) == (direction == "higher")
    return Message.of("segment.better" if better else "segment.worse", segment=segment)

"""A report by segment: lifts adjusted towards the overall result, raw winners never claimed."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from fairlift_stats.arrays import Array, BoolArray
from fairlift_stats.bayes.segment_shrinkage import Segment, SegmentPrior, fit_segments, log_lift
from fairlift_stats.data.metrics import Direction, Quantile, Rate, Summed
from fairlift_stats.data.moments import Moments, products_of, require, stack
from fairlift_stats.data.summary import Summary
from fairlift_stats.effects import CannotSay, CannotSayCode, Interval
from fairlift_stats.errors import UnknownVariant
from fairlift_stats.locale import text
from fairlift_stats.messages import Message, Number, Percent, Verbatim
from fairlift_stats.methods import fieller, score
from fairlift_stats.methods.delta_method import Estimates, estimates_within
from fairlift_stats.methods.multiplicity import adjusted_p
from fairlift_stats.methods.random_effects import Heterogeneity
from fairlift_stats.report.comparison import linear_estimates
from fairlift_stats.report.layout import Layout
from fairlift_stats.report.question import Question

__all__ = ["SegmentFamily", "SegmentLift", "segment_families"]


# A segment that is too small to conclude names the units that would detect this lift.
LIFT_WORTH_DETECTING = 0.10


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
        metric, variant: of the lifts.
        segments: those with a result, in the order of the input.
        left_out: why the others have none.
        average: posterior mean of the average lift over segments; None below two segments.
        heterogeneity: the test that all segments share one lift; None below two segments.
        alone: the only segment that could have a result: it is left out, too, because there is none
            to compare it with; empty where there is no such segment.
    """

    metric: str
    variant: str
    segments: tuple[SegmentLift, ...]
    left_out: Mapping[str, CannotSay]
    average: float | None
    heterogeneity: Heterogeneity | None
    alone: str = ""


def segment_families(
    question: Question, cells: Mapping[str, Mapping[str, Summary]], prior: SegmentPrior
) -> tuple[SegmentFamily, ...]:
    """One family per metric and treatment.

    Means and ratios are adjusted by their covariates as in the report, with the slopes of all
    segments together. Rates stay counts, so that a segment without buyers has a result.

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
        lifts = _log_lifts(metric, moments, len(segments))
        for i, variant in enumerate(variants[1:]):
            treatment = _Treatment(
                metric.name, variant, metric.direction, segments, (n[:, 0] + n[:, i + 1]).tolist(),
                lifts.value[:, i], lifts.variance[:, i], lifts.p[:, i],
                [row[i] for row in lifts.reasons],
            )  # fmt: skip
            families.append(_family(treatment, prior, question.confidence))
    return tuple(families)


def _variants(control: str, cells: Mapping[str, Mapping[str, Summary]]) -> tuple[str, ...]:
    if not cells:
        raise UnknownVariant("segments: is empty; give each segment's summaries by variant")
    first = next(iter(cells.values()))
    for segment, arms in cells.items():
        if set(arms) != set(first) or control not in arms or len(arms) < 2:
            raise UnknownVariant(
                f"segment {segment}: has {[*arms]}; every segment needs the same variants, "
                f"{control!r} among them"
            )
    return (control, *(name for name in first if name != control))


@dataclass(frozen=True, slots=True)
class _LogLifts:
    """Log lifts of one metric, (segments, treatments) each; a reason where there is none."""

    value: Array
    variance: Array
    p: Array
    reasons: list[list[CannotSay | None]]


@dataclass(frozen=True, slots=True)
class _Treatment:
    """Log lifts of one metric and treatment, one per segment."""

    metric: str
    variant: str
    direction: Direction
    segments: tuple[str, ...]
    n: list[float]
    log_lift: Array
    variance: Array
    p: Array
    reasons: list[CannotSay | None]


def _log_lifts(metric: Summed, moments: Moments, segments: int) -> _LogLifts:
    layout = Layout.of([metric], moments.columns)
    if isinstance(metric, Rate):
        return _of_rate(metric.name, layout, moments, segments)
    if metric.covariates:
        estimated = estimates_within(moments, metric, len(moments.n) // segments)
    else:
        estimated = linear_estimates(layout, moments)
    return _of_estimates(metric.name, estimated, segments)


def _of_rate(name: str, layout: Layout, moments: Moments, segments: int) -> _LogLifts:
    x, n = (part.reshape(segments, -1) for part in layout.counts(moments))
    xt, nt, xc, nc = x[:, 1:], n[:, 1:], x[:, :1], n[:, :1]
    value, variance = log_lift(xt, nt, xc, nc)
    p = 2 * ndtr(-np.abs(score.pooled_z(xt, np.maximum(nt, 1), xc, np.maximum(nc, 1))))
    empty = _reasons(name, (nt > 0) & (nc > 0), CannotSayCode.NO_UNITS, "an arm has no units")
    same = _reasons(name, variance > 0, CannotSayCode.NO_VARIATION, "every unit did it")
    return _LogLifts(value, variance, p, _first_reasons([empty, same]))


def _of_estimates(name: str, estimated: Estimates, segments: int) -> _LogLifts:
    """By the delta method on the logarithm; p-values are Welch's, of the difference."""
    value, variance, units, with_control = (
        part.reshape(segments, -1)
        for part in (
            estimated.value, estimated.variance, estimated.units, estimated.with_control,
        )
    )  # fmt: skip
    mt, mc, vt, vc = value[:, 1:], value[:, :1], variance[:, 1:], variance[:, :1]
    cov = with_control[:, 1:]
    usable = (mt > 0) & (mc > 0) & (vt > 0) & (vc > 0)
    usable &= (units[:, 1:] >= 2) & (units[:, :1] >= 2) & np.isfinite(mt) & np.isfinite(mc)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_lifts = np.log(mt / mc)
        of_log_lifts = vt / (mt * mt) + vc / (mc * mc) - 2 * cov / (mt * mc)
        df = fieller.satterthwaite(vt, vc, units[:, 1:], units[:, :1])
        p = 2 * stdtr(df, -np.abs(mt - mc) / np.sqrt(vt + vc - 2 * cov))
    few = (units[:, 1:] < 2) | (units[:, :1] < 2)
    told = [
        _reasons(name, ~held, code, reason)
        for held, code, reason in (
            (few, CannotSayCode.TOO_FEW_UNITS, "an arm has fewer than two units"),
            (
                ~(np.isfinite(mt) & np.isfinite(mc)),
                CannotSayCode.NO_DENOMINATOR,
                "nothing to divide by",
            ),
            ((mt == 0) & (mc == 0), CannotSayCode.NO_EVENTS, "both arms are at zero"),
            (mc + 0 * mt == 0, CannotSayCode.CONTROL_ZERO, "the control is at zero"),
            (mt == 0, CannotSayCode.TREATMENT_ZERO, "the treatment is at zero"),
            ((mt < 0) | (mc < 0), CannotSayCode.NOT_POSITIVE, "an arm is below zero"),
            (~usable, CannotSayCode.NO_VARIATION, "an arm does not vary"),
        )
    ]
    return _LogLifts(log_lifts, of_log_lifts, p, _first_reasons(told))


def _reasons(
    name: str, usable: BoolArray, code: CannotSayCode, reason: str
) -> list[list[CannotSay | None]]:
    cannot_say = CannotSay(code, f"{name}: cannot conclude in this segment; {reason}.")
    return [[None if is_usable else cannot_say for is_usable in row] for row in usable.tolist()]


def _first_reasons(
    reasons: Sequence[list[list[CannotSay | None]]],
) -> list[list[CannotSay | None]]:
    """By segment and treatment the first that holds."""
    return [
        [
            next((each for each in cells if each is not None), None)
            for cells in zip(*rows, strict=True)
        ]
        for rows in zip(*reasons, strict=True)
    ]


def _family(treatment: _Treatment, prior: SegmentPrior, confidence: float) -> SegmentFamily:
    metric, variant, names = treatment.metric, treatment.variant, treatment.segments
    usable = [i for i, reason in enumerate(treatment.reasons) if reason is None]
    left_out = {
        name: reason
        for name, reason in zip(names, treatment.reasons, strict=True)
        if reason is not None
    }
    if len(usable) < 2:
        alone = CannotSay(
            CannotSayCode.TOO_FEW_UNITS,
            f"{metric}: segments are compared when two or more have a result.",
        )
        only = [names[i] for i in usable]
        left_out |= dict.fromkeys(only, alone)
        return SegmentFamily(metric, variant, (), left_out, None, None, "".join(only))
    effects = {
        names[i]: (float(treatment.log_lift[i]), float(treatment.variance[i])) for i in usable
    }
    fit = fit_segments(effects, prior=prior, confidence=confidence)
    adjusted = adjusted_p(treatment.p[usable], "BH").tolist()
    lifts = tuple(
        _segment_lift(segment, treatment, i, p)
        for i, segment, p in zip(usable, fit.segments, adjusted, strict=True)
    )
    average = math.expm1(fit.mean)
    return SegmentFamily(metric, variant, lifts, left_out, average, fit.heterogeneity)


def _segment_lift(segment: Segment, treatment: _Treatment, i: int, adjusted: float) -> SegmentLift:
    interval = _exp(segment.interval)
    unit_variance = treatment.n[i] * float(treatment.variance[i])
    return SegmentLift(
        segment=segment.name,
        n=int(treatment.n[i]),
        raw=math.expm1(segment.raw),
        raw_interval=_exp(segment.raw_interval),
        p_value=float(treatment.p[i]),
        adjusted_p=adjusted,
        lift=math.expm1(segment.shrunk),
        interval=interval,
        p_positive=segment.p_positive,
        message=_claim(segment.name, interval, unit_variance, treatment.direction),
    )


def _exp(interval: Interval) -> Interval:
    return Interval(math.expm1(interval.low), math.expm1(interval.high))


def _claim(name: str, interval: Interval, unit_variance: float, direction: Direction) -> Message:
    """What may be claimed; `unit_variance` is the log lift's variance times the units."""
    segment = Verbatim(name)
    if 0 in interval:
        distance = float(ndtri(0.975) + ndtri(0.8)) / math.log1p(LIFT_WORTH_DETECTING)
        needed = Number(float(f"{unit_variance * distance**2:.2g}"))  # "about" has two digits
        lift = Percent(LIFT_WORTH_DETECTING, 0)
        return Message.counted(
            "segment.unclear", "needed", segment=segment, lift=lift, needed=needed
        )
    better = (interval.low >= 0) == (direction == "higher")
    return Message.of("segment.better" if better else "segment.worse", segment=segment)

"""From metrics and covariates to the columns that a frame must have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from fairlift_stats.data.metrics import Funnel, Mean, Metric, Quantile, Rate, Ratio, Summed
from fairlift_stats.errors import BadQuestion
from fairlift_stats.frames.checks import nearest_name
from fairlift_stats.frames.table import Column
from fairlift_stats.report.question import Guardrail

__all__ = [
    "Covariates",
    "FrameColumns",
    "FrameMetric",
    "frame_columns",
    "listed_metrics",
    "plain_metrics",
    "with_covariates",
]

FrameMetric: TypeAlias = Metric | Funnel | Guardrail
Covariates: TypeAlias = Mapping[str, str | Sequence[str]]
M = TypeVar("M", Rate, Mean, Ratio)


@dataclass(frozen=True, slots=True)
class FrameColumns:
    """The columns of numbers that an analysis reads.

    Attributes:
        outcomes: columns of the metrics.
        shares: those of them that are 0 or 1 for each unit.
        covariates: columns of the time before the exposure, which may be missing for some units.
        quantiles: columns whose quantiles are asked for.
    """

    outcomes: tuple[str, ...]
    shares: tuple[str, ...]
    covariates: tuple[str, ...]
    quantiles: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.outcomes, *self.covariates, *self.quantiles)))

    def summed(self, missing: Iterable[str]) -> tuple[Column, ...]:
        """The columns of a summary; a covariate with missing values is two of them."""
        lacking = set(missing)
        columns = [Column(name, name) for name in self.outcomes]
        for name in self.covariates:
            columns.append(Column(name, name, "filled" if name in lacking else "values"))
            if name in lacking:
                columns.append(Column(_indicator(name), name, "missing"))
        return tuple(columns)


def listed_metrics(name: str, metrics: FrameMetric | Iterable[FrameMetric]) -> list[FrameMetric]:
    """These metrics; a single one needs no list.

    Raises:
        BadQuestion: there is something else among them.
    """
    listed = [metrics] if isinstance(metrics, FrameMetric) else list(metrics)
    for metric in listed:
        if not isinstance(metric, FrameMetric):
            raise BadQuestion(
                f"{name}: has {metric!r}; must be metrics, as Mean('revenue_per_visitor', "
                "'revenue'), Rate('conversion_rate', 'bought')"
            )
    return listed


def frame_columns(metrics: Iterable[FrameMetric], covariates: Covariates) -> FrameColumns:
    """The columns that these metrics read.

    Raises:
        BadQuestion: a covariate belongs to no metric, or is an outcome itself, or a quantile has no
            column.
    """
    plain = [metric for each in metrics for metric in plain_metrics(each)]
    quantiles = [_quantile_column(metric) for metric in plain if isinstance(metric, Quantile)]
    summed = [metric for metric in plain if not isinstance(metric, Quantile)]
    outcomes = dict.fromkeys(name for metric in summed for name in _outcomes(metric) if name)
    shares = dict.fromkeys(c for metric in summed for c in _shares(metric))
    before = dict.fromkeys(
        (
            *(name for metric in summed for name in _own_covariates(metric)),
            *(name for names in covariates.values() for name in _listed(names)),
        )
    )
    _check_covariates(summed, covariates, outcomes, before)
    return FrameColumns(tuple(outcomes), tuple(shares), tuple(before), tuple(quantiles))


def with_covariates(
    metric: FrameMetric, covariates: Covariates, missing: Iterable[str]
) -> FrameMetric:
    """The metric with its covariates, and with an indicator of those that some units lack."""
    match metric:
        case Guardrail():
            inner = with_covariates(metric.metric, covariates, missing)
            assert isinstance(inner, Rate | Mean | Ratio | Quantile)
            return replace(metric, metric=inner)
        case Rate() | Mean():
            if isinstance(metric, Rate) and metric.of is not None:
                return metric
            names = [*metric.covariates, *_covariates_of(metric.name, covariates)]
            names += _covariates_of(metric.column, covariates)
            names += [_indicator(name) for name in names if name in set(missing)]
            return replace(metric, covariates=tuple(dict.fromkeys(names)))
        case Ratio():
            return replace(metric, covariates=_ratio_covariates(metric, covariates, set(missing)))
        case _:
            return metric


def _ratio_covariates(
    metric: Ratio, covariates: Covariates, missing: set[str]
) -> tuple[tuple[str, str | None], ...]:
    """Pairs where numerator and denominator both have as many covariates, else plain numbers."""
    above = _covariates_of(metric.numerator, covariates)
    below = _covariates_of(metric.denominator, covariates)
    pairs: list[tuple[str, str | None]] = [*metric.covariates]
    if len(above) == len(below):
        pairs += zip(above, below, strict=True)
    else:
        pairs += [(name, None) for name in (*above, *below)]
    pairs += [(name, None) for name in _covariates_of(metric.name, covariates)]
    lacking = {name for pair in pairs for name in pair if name in missing}
    pairs += [(_indicator(name), None) for name in sorted(lacking)]
    return tuple(dict.fromkeys(pairs))


def plain_metrics(metric: FrameMetric) -> tuple[Metric, ...]:
    """The metrics themselves: a guardrail's, and a funnel's rates."""
    match metric:
        case Guardrail():
            return (metric.metric,)
        case Funnel():
            return metric.rates
        case _:
            return (metric,)


def _quantile_column(metric: Quantile) -> str:
    if metric.column is None:
        raise BadQuestion(
            f"{metric.name}: a quantile of a frame needs its column, as "
            f"Quantile({metric.name!r}, {metric.at}, column='revenue')"
        )
    return metric.column


def _outcomes(metric: Summed) -> tuple[str | None, ...]:
    """The columns without the covariates that a metric names itself."""
    match metric:
        case Rate():
            return metric.column, metric.of
        case Mean():
            return metric.column, metric.buyers
        case _:
            return metric.numerator, metric.denominator, metric.buyers


def _shares(metric: Summed) -> tuple[str, ...]:
    match metric:
        case Rate():
            return (metric.column,) if metric.of is None else (metric.column, metric.of)
        case _:
            return () if metric.buyers is None else (metric.buyers,)


def _own_covariates(metric: Summed) -> tuple[str, ...]:
    if isinstance(metric, Ratio):
        return tuple(name for pair in metric.covariates for name in pair if name is not None)
    return metric.covariates


def _check_covariates(
    metrics: Sequence[Summed],
    covariates: Covariates,
    outcomes: Mapping[str, None],
    before: Mapping[str, None],
) -> None:
    known = [*outcomes, *(metric.name for metric in metrics)]
    for key in covariates:
        if key not in known:
            raise BadQuestion(
                f"covariates: {key!r} is neither a metric nor a column of one; known are "
                f"{[*dict.fromkeys(known)]}{nearest_name(key, known)}"
            )
    for name in before:
        if name in outcomes:
            raise BadQuestion(
                f"covariates: {name!r} is also a metric's column; a covariate is measured before "
                "the exposure, so that the variant cannot have changed it"
            )


def _covariates_of(name: str, covariates: Covariates) -> tuple[str, ...]:
    return _listed(covariates.get(name, ()))


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _indicator(name: str) -> str:
    return f"{name} is missing"

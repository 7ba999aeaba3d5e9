"""How the figures of a report were computed: p-values, posterior figures, methods, the command."""

from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain

from fairlift.v1 import results_service_pb2 as pb
from fairlift.wire.campaign import campaign_id
from fairlift_report.parts import FactView
from fairlift_report.table import GroupView, RowView, TableView
from fairlift_report.view import MethodView

from fairlift_cli.figures import NO_VALUE, Figures
from fairlift_cli.report.report_context import ReportContext

METHODS = {
    pb.METHOD_SCORE: "score",
    pb.METHOD_WELCH_FIELLER: "mean",
    pb.METHOD_RATIO_DELTA: "ratio",
    pb.METHOD_QUANTILE: "quantile",
}
FLAGS = {
    number: name.removeprefix("FLAG_").lower() for name, number in pb.Flag.items() if number != 0
}
_COLUMNS = ("p", "p_adjusted", "chance_to_beat_control", "loss")
_P_VALUES = ("p_value", "adjusted_p_value")
_BEYOND_DOUBT = 1e9


def method_view(context: ReportContext) -> MethodView:
    """What an analyst asks for."""
    evidence = (
        context.say("report.split_evidence", evidence=_e_value(context.figures, check.evidence))
        for check in context.report.health.checks
        if check.HasField("evidence")
    )
    return MethodView(
        context.say("report.how_computed"),
        _details_table(context),
        (*_methods(context), *evidence),
        tuple(_facts(context)),
    )


def _facts(context: ReportContext) -> Iterator[FactView]:
    report = context.report
    if report.HasField("look"):
        yield FactView(context.say("report.watermark"), context.day_of(report.look))
    yield FactView(context.say("report.version"), f"Fairlift {version('fairlift')}")
    command = f"fairlift results {campaign_id(report.campaign)} --epoch {report.epoch} --details"
    if context.figures.language != "en":
        command += f" --language {context.figures.language}"
    yield FactView(context.say("report.command"), command)


def _details_table(context: ReportContext) -> TableView:
    """p-values (plain, adjusted, sequential) and posterior figures; empty columns are left out."""
    cells = {
        metric.metric: [
            (comparison.variant, _cells(context, metric, comparison))
            for comparison in metric.comparisons
        ]
        for metric in context.metrics()
    }
    shown = [
        column
        for column in range(len(_COLUMNS))
        if any(row[column] != NO_VALUE for rows in cells.values() for _, row in rows)
    ]
    groups = (
        GroupView(
            context.figures.metric(metric),
            "",
            tuple(
                RowView(context.name(variant), tuple(row[column] for column in shown))
                for variant, row in cells[metric.metric]
            ),
        )
        for metric in context.metrics()
        if metric.comparisons
    )
    columns = tuple(context.say(f"report.{_COLUMNS[column]}") for column in shown)
    return TableView(context.say("report.details"), columns, tuple(groups))


def _cells(
    context: ReportContext, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> tuple[str, ...]:
    """The cells of one comparison, in the order of `_COLUMNS`."""
    losses = (
        context.figures.share(arm.expected_loss_relative, 2)
        for arm in metric.arms
        if arm.variant == comparison.variant and arm.HasField("expected_loss_relative")
    )
    p_values = (_p_value(context, comparison, name) for name in _P_VALUES)
    return (*p_values, _better(context, comparison), next(losses, NO_VALUE))


def _p_value(context: ReportContext, comparison: pb.MetricResult.Comparison, name: str) -> str:
    if not comparison.HasField(name):  # type: ignore[arg-type]  # one of _P_VALUES
        return NO_VALUE
    value = float(getattr(comparison, name))
    if value < 0.0001:
        return f"<{context.figures.number(0.0001, 4)}"
    return context.figures.number(value, 4)


def _better(context: ReportContext, comparison: pb.MetricResult.Comparison) -> str:
    posterior = comparison.posterior
    if not posterior.HasField("probability_better"):
        return NO_VALUE
    return context.figures.chance(posterior.probability_better)


def _methods(context: ReportContext) -> Iterator[str]:
    """The method of each metric, and the flags of its comparisons."""
    for metric in context.metrics():
        method_names = dict.fromkeys(
            _method(context, comparison) for comparison in metric.comparisons if comparison.method
        )
        flags = (
            context.say(f"flag.{FLAGS[flag]}", variant=context.name(comparison.variant))
            for comparison in metric.comparisons
            for flag in comparison.flags
            # A flag of a newer server has no words here.
            if flag in FLAGS
        )
        parts = "; ".join(chain(method_names, flags))
        if parts:
            yield f"{context.figures.metric(metric)}: {parts}"


def _method(context: ReportContext, comparison: pb.MetricResult.Comparison) -> str:
    """The method in the reader's language; a newer server's by its number."""
    key = METHODS.get(comparison.method)
    name = context.say(f"method.{key}") if key else f"method {comparison.method}"
    if comparison.covariate_adjusted:
        return context.say("method.adjusted", method=name)
    return name


def _e_value(figures: Figures, value: float) -> str:
    if value > _BEYOND_DOUBT:
        return f">{figures.count(_BEYOND_DOUBT)}"
    return figures.number(value, 0 if value >= 10 else 2)

"""The tables of a report: metrics by variant, counts, and details for analysts."""

from collections.abc import Iterator
from itertools import chain, groupby
from typing import TypeAlias

from fairlift.v1 import results_service_pb2 as pb
from fairlift_stats.messages import Percent
from rich.table import Table
from rich.text import Text

from fairlift_cli.figures import ABSENT
from fairlift_cli.report.scene import Scene, shown_interval
from fairlift_cli.screen import figure_table, row_name

Titled: TypeAlias = tuple[Table, dict[int, Text]]


def metrics_table(scene: Scene) -> Titled:
    """Value, lift, interval and chance to be best: each metric in each variant."""
    safe = scene.screen.safe
    heading = scene.say("report.interval", level=_level(scene))
    value, lift = scene.say("report.value"), scene.say("report.lift")
    columns = (value, lift, heading, scene.say("report.chance_to_be_best"))
    table, titles = figure_table(*map(safe, columns)), dict[int, Text]()
    for metric in scene.metrics():
        name, role = safe(scene.figures.metric(metric)), safe(_role(scene, metric))
        # One pair of parentheses is enough.
        title = Text(name.removesuffix(")") if role else name, style="bold")
        if role:
            title.append(f"; {role})" if name.endswith(")") else f" ({role})", style="not bold dim")
        titles[table.row_count] = title
        table.add_row("")
        against = {each.variant: each for each in metric.comparisons}
        for arm in metric.arms:
            cells = _cells(scene, metric, arm, against.get(arm.variant))
            table.add_row(row_name(f"  {scene.name(arm.variant)}"), *map(safe, cells))
    return table, titles


def remarks(scene: Scene) -> Iterator[str]:
    """What must be said beside the table: why a number is absent, whether a margin holds."""
    for metric in scene.metrics():
        for each in metric.comparisons:
            where = f"{scene.figures.metric(metric)}, {scene.name(each.variant)}"
            if each.cannot_say:
                yield f"{where}: {each.cannot_say}"
            # An absolute margin has no sentence here yet: the verdict's reasons tell it.
            if each.guardrail and each.HasField("margin"):
                is_safe = each.guardrail == pb.GUARDRAIL_STANDING_SAFE
                key = "report.margin_holds" if is_safe else "report.margin_open"
                yield f"{where}: {scene.say(key, margin=Percent(each.margin))}"


def counts_table(scene: Scene) -> Table:
    """What has come in for each variant up to now."""
    figures, safe = scene.figures, scene.screen.safe
    columns = ("visitors", "buyers", "orders", "revenue", "net_revenue")
    table = figure_table(*(safe(scene.say(f"report.{column}")) for column in columns))
    for totals in scene.report.totals:
        table.add_row(
            row_name(f"  {scene.name(totals.variant)}"),
            *map(figures.count, (totals.units, totals.buyers, totals.orders)),
            *(safe(figures.micros(m)) for m in (totals.revenue_micros, totals.net_revenue_micros)),
        )
    return table


def segments_table(scene: Scene, found: pb.SegmentResult, *, with_variant: bool) -> Table:
    """The lift in each segment, adjusted towards the overall result."""
    figures, safe = scene.figures, scene.screen.safe
    heading = scene.say("report.interval", level=Percent(_segment_level(found), 0))
    columns = (scene.say("report.visitors"), scene.say("report.lift"), heading)
    table = figure_table(*map(safe, columns))
    for segment in found.segments:
        name = safe(segment.value)
        has_interval = segment.HasField("lift_interval")
        table.add_row(
            row_name(f"  {name}, {scene.name(segment.variant)}" if with_variant else f"  {name}"),
            figures.count(segment.units),
            safe(figures.lift(segment.lift) if segment.HasField("lift") else ABSENT),
            safe(figures.interval(segment.lift_interval) if has_interval else ABSENT),
        )
    return table


def details_table(scene: Scene) -> Titled:
    """p-values, plain, corrected and sequential, and what the posterior says; of what there is."""
    safe = scene.screen.safe
    rows = [
        (metric, each, _details(scene, metric, each))
        for metric in scene.metrics()
        for each in metric.comparisons
    ]
    filled = [
        column
        for column in range(len(_DETAILS))
        if any(cells[column] != ABSENT for _, _, cells in rows)
    ]
    table = figure_table(*(safe(scene.say(f"report.{_DETAILS[column]}")) for column in filled))
    titles = dict[int, Text]()
    for _, of_metric in groupby(rows, key=lambda row: row[0].metric):
        found = list(of_metric)
        titles[table.row_count] = Text(safe(scene.figures.metric(found[0][0])), style="bold")
        table.add_row("")
        for _, each, cells in found:
            name = row_name(f"  {scene.name(each.variant)}")
            table.add_row(name, *(safe(cells[column]) for column in filled))
    return table, titles


def _details(
    scene: Scene, metric: pb.MetricResult, comparison: pb.MetricResult.Comparison
) -> tuple[str, ...]:
    """What the details say of one comparison, in the order of their columns."""
    losses = (
        scene.figures.share(arm.expected_loss_relative, 2)
        for arm in metric.arms
        if arm.variant == comparison.variant and arm.HasField("expected_loss_relative")
    )
    p_values = (_p_value(scene, comparison, name) for name in _P_VALUES)
    return (*p_values, _better(scene, comparison), next(losses, ABSENT))


def methods(scene: Scene) -> Iterator[str]:
    """By which method each metric was compared, and what the data made of it."""
    for metric in scene.metrics():
        used = dict.fromkeys(_method(scene, each) for each in metric.comparisons if each.method)
        flags = (
            scene.say(f"flag.{FLAGS[flag]}", variant=scene.name(each.variant))
            for each in metric.comparisons
            for flag in each.flags
            # A newer server may know more; they have no words here.
            if flag in FLAGS
        )
        said = "; ".join(chain(used, flags))
        if said:
            yield f"{scene.figures.metric(metric)}: {said}"


def _method(scene: Scene, comparison: pb.MetricResult.Comparison) -> str:
    """The method in the reader's language; a newer server's by its number."""
    key = METHODS.get(comparison.method)
    name = scene.say(f"method.{key}") if key else f"method {comparison.method}"
    if comparison.covariate_adjusted:
        return scene.say("method.adjusted", method=name)
    return name


def _role(scene: Scene, metric: pb.MetricResult) -> str:
    name = pb.MetricRole.Name(metric.role).removeprefix("METRIC_ROLE_").lower()
    return scene.say(f"role.{name}") if name in _ROLES else ""


METHODS = {
    pb.METHOD_SCORE: "score",
    pb.METHOD_WELCH_FIELLER: "mean",
    pb.METHOD_RATIO_DELTA: "ratio",
    pb.METHOD_QUANTILE: "quantile",
}
_ROLES = {"primary", "secondary", "guardrail"}
FLAGS = {
    number: name.removeprefix("FLAG_").lower() for name, number in pb.Flag.items() if number != 0
}
_DETAILS = ("p", "p_adjusted", "chance_to_beat_control", "loss")
_P_VALUES = ("p_value", "adjusted_p_value")


def _cells(
    scene: Scene,
    metric: pb.MetricResult,
    arm: pb.MetricResult.ArmEstimate,
    comparison: pb.MetricResult.Comparison | None,
) -> tuple[str, str, str, str]:
    figures = scene.figures
    value = figures.value(arm.estimate, metric.quantity) if arm.HasField("estimate") else ABSENT
    best = figures.chance(arm.probability_best) if arm.HasField("probability_best") else ""
    if comparison is None:
        return value, "", "", best
    interval = shown_interval(comparison)
    if interval is None or not comparison.HasField("lift"):
        return value, ABSENT, ABSENT, best
    return value, figures.lift(comparison.lift), figures.interval(interval), best


def _level(scene: Scene) -> str:
    """The confidence of the intervals shown; they are all of one report."""
    for metric in scene.report.metrics:
        for comparison in metric.comparisons:
            interval = shown_interval(comparison)
            if interval is not None:
                return scene.figures.share(interval.confidence, 0)
    return scene.figures.share(0.95, 0)


def _segment_level(found: pb.SegmentResult) -> float:
    levels = (s.lift_interval.confidence for s in found.segments if s.HasField("lift_interval"))
    return next(levels, 0.95)


def _p_value(scene: Scene, comparison: pb.MetricResult.Comparison, name: str) -> str:
    if not comparison.HasField(name):  # type: ignore[arg-type]  # one of _P_VALUES
        return ABSENT
    value = float(getattr(comparison, name))
    if value < 0.0001:
        return f"<{scene.figures.number(0.0001, 4)}"
    return scene.figures.number(value, 4)


def _better(scene: Scene, comparison: pb.MetricResult.Comparison) -> str:
    posterior = comparison.posterior
    if not posterior.HasField("probability_better"):
        return ABSENT
    return scene.figures.chance(posterior.probability_better)

"""Who entered on each day, how they were split, and how all of them were split by then."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from fairlift_report.parts import MOST_SPLIT_LINES, DaysView
from fairlift_report.table import RowView

from fairlift_cli.figures import NO_VALUE
from fairlift_cli.report.live_tables import plain_rows
from fairlift_cli.report.report_context import ReportContext


def days_view(context: ReportContext) -> DaysView | None:
    """Who entered by day and variant; None before the first day."""
    report, figures = context.report, context.figures
    if not report.days:
        return None
    variants = [totals.variant for totals in report.totals]
    entered: dict[str, dict[str, int]] = defaultdict(dict)
    for day in report.days:
        entered[day.date][day.variant] = day.entered_units
    counts = [tuple(of_day.get(each, 0) for each in variants) for of_day in entered.values()]
    own = tuple(map(_shares, counts))
    so_far = tuple(_shares(total) for total in accumulate(counts, _added))
    names, dates = tuple(map(context.name, variants)), tuple(entered)
    split = names[:MOST_SPLIT_LINES]
    days = list(map(figures.calendar_day, dates))
    own_cells, cells_so_far = (
        [_cells(context, of_day) for of_day in each] for each in (own, so_far)
    )
    rows = (
        RowView(day, (*map(figures.count, of_day), *of_split, *until))
        for day, of_day, of_split, until in zip(days, counts, own_cells, cells_so_far, strict=True)
    )
    columns = (
        *names,
        *(context.say("report.share_of_day", variant=name) for name in split),
        *(context.say("report.share_so_far", variant=name) for name in split),
    )
    planned = _planned_shares(context, variants)
    return DaysView(
        heading=context.say("report.daily_visitors"),
        variants=names,
        planned=planned,
        dates=dates,
        totals=tuple(map(sum, counts)),
        shares=own,
        shares_so_far=so_far,
        split_label=context.say("report.daily_split"),
        split_legend=context.say(
            "report.split_legend_planned" if planned else "report.split_legend"
        ),
        split_words="; ".join(
            f"{day}: {_words(context, split, of_day, until)}"
            for day, of_day, until in zip(days, own_cells, cells_so_far, strict=True)
        ),
        table=plain_rows("", columns, rows),
    )


def _cells(context: ReportContext, shares: Sequence[float]) -> tuple[str, ...]:
    """The shares that are shown, of one day; a dash for each where there are none."""
    shown = min(len(context.report.totals), MOST_SPLIT_LINES)
    return tuple(map(context.figures.share, shares[:shown])) or (NO_VALUE,) * shown


def _words(
    context: ReportContext, names: Sequence[str], own: Sequence[str], so_far: Sequence[str]
) -> str:
    return ", ".join(
        context.say("report.split_of_day", variant=name, share=share, total=total)
        for name, share, total in zip(names, own, so_far, strict=True)
    )


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(sum, zip(one, other, strict=True)))


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    """Of all; none where there is nothing to share."""
    total = sum(counts)
    return tuple(count / total for count in counts) if total else ()


def _planned_shares(context: ReportContext, variants: list[str]) -> tuple[float, ...]:
    campaign = context.sealed_campaign
    if campaign is None:
        return ()
    weights = {variant.id: max(variant.weight, 1) for variant in campaign.variants}
    total = sum(weights.values())
    return tuple(weights.get(variant, 0) / total for variant in variants)

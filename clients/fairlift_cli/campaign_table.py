"""The `campaigns` command: each campaign with its state, day, progress and verdict."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from fairlift.v1 import campaign_pb2 as pb
from fairlift.v1 import results_service_pb2 as results
from fairlift.wire.campaign import campaign_id
from fairlift_stats.messages import Number
from google.protobuf.timestamp_pb2 import Timestamp
from rich.cells import cell_len

from fairlift_cli.all_results import closed_entry
from fairlift_cli.campaign_commands import state_word
from fairlift_cli.campaign_status import planned_progress
from fairlift_cli.figures import NO_VALUE, Figures
from fairlift_cli.local_time import local_time
from fairlift_cli.screen import Screen, plain_table

_STYLES = {
    pb.CAMPAIGN_STATE_RUNNING: "green",
    pb.CAMPAIGN_STATE_PAUSED: "yellow",
    pb.CAMPAIGN_STATE_ARCHIVED: "dim",
}
# The headings' keys in the catalogue of messages.
_COLUMNS = (
    *("list.campaign", "list.status", "list.epoch", "report.days", "report.visitors"),
    *("report.verdict", "list.primary", "list.since", "list.variants"),
)
_RIGHT = ("list.epoch", "report.days", "report.visitors")
# Left out if no campaign has one, or on a narrow screen in this order.
_OF_REPORTS = ("report.days", "report.visitors", "report.verdict")
_DROPPED = (
    *("list.epoch", "list.variants", "list.primary", "list.since"),
    *("report.visitors", "report.days"),
)

Reports = Mapping[str, results.ReportSummary]


def show_campaigns(
    screen: Screen, campaigns: Sequence[pb.Campaign], reports: Reports, figures: Figures
) -> None:
    """Prints one row for each campaign.

    Args:
        screen: where to print.
        campaigns: in the order of the rows.
        reports: by name, of campaigns that have started, as of their last analysis.
        figures: of the reader's language.
    """
    if not campaigns:
        screen.line("No campaigns yet; create one with `fairlift apply FILE`.")
        return
    rows = [_row(screen, campaign, reports.get(campaign.name), figures) for campaign in campaigns]
    headings = [screen.safe(figures.say(key)) for key in _COLUMNS]
    columns = _columns_that_fit(campaigns, [tuple(headings), *rows], room=screen.width)
    table = plain_table(
        *((headings[index], "right" if _COLUMNS[index] in _RIGHT else "left") for index in columns)
    )
    for index, column in zip(columns, table.columns, strict=True):
        # The list of variants breaks between them.
        column.no_wrap = _COLUMNS[index] != "list.variants"
    for campaign, row in zip(campaigns, rows, strict=True):
        table.add_row(*(row[index] for index in columns), style=_STYLES.get(campaign.state, ""))
    screen.table(table)


def campaigns_as_json(campaigns: Sequence[pb.Campaign], reports: Reports) -> list[dict[str, Any]]:
    """The rows for programs; what only a started campaign has is null before."""
    return [_as_json(campaign, reports.get(campaign.name)) for campaign in campaigns]


def _as_json(campaign: pb.Campaign, report: results.ReportSummary | None) -> dict[str, Any]:
    verdict = report.verdict if report is not None and report.verdict.kind else None
    progress = None
    if report is not None and report.planned_units:
        progress = round(planned_progress(report) / report.planned_units, 4)
    return {
        "campaign": campaign_id(campaign.name),
        "display_name": campaign.display_name,
        "state": state_word(campaign.state),
        "epoch": campaign.epoch,
        "since": _since(campaign).ToDatetime(UTC).isoformat(),
        "primary_metrics": [planned.metric for planned in campaign.plan.primary],
        "variants": [variant.id for variant in campaign.variants],
        "labels": dict(campaign.labels),
        "day": report.day if report is not None else None,
        "maximum_days": report.maximum_days if report is not None else None,
        "units": report.units if report is not None else None,
        "planned_units": report.planned_units if report is not None else None,
        "progress": progress,
        "entry_is_over": bool(report.last_day) if report is not None else None,
        "verdict": (
            results.VerdictKind.Name(verdict.kind).removeprefix("VERDICT_KIND_").lower()
            if verdict
            else None
        ),
        "sentence": verdict.sentence if verdict else None,
    }


def _columns_that_fit(
    campaigns: Sequence[pb.Campaign], rows: list[tuple[str, ...]], *, room: int
) -> list[int]:
    """Indices of the columns that fit; the first row is the headings.

    Names are never wrapped, so that they can be copied.
    """
    by_column = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in by_column]
    variant_ids = (variant.id for campaign in campaigns for variant in campaign.variants)
    widths[-1] = max(map(cell_len, (rows[0][-1], *variant_ids)))
    columns = [
        index
        for index, (key, (_, *cells)) in enumerate(zip(_COLUMNS, by_column, strict=True))
        if key not in _OF_REPORTS or set(cells) != {NO_VALUE}
    ]
    for dropped in map(_COLUMNS.index, _DROPPED):
        if dropped in columns and sum(widths[index] + 2 for index in columns) - 2 > room:
            columns.remove(dropped)
    return columns


def _row(
    screen: Screen,
    campaign: pb.Campaign,
    report: results.ReportSummary | None,
    figures: Figures,
) -> tuple[str, ...]:
    day = visitors = verdict = NO_VALUE
    state = figures.say(f"list.{state_word(campaign.state)}") if campaign.state else NO_VALUE
    if report is not None:
        state = closed_entry(figures, report) or state
        days = Number(min(report.day, report.maximum_days)), Number(report.maximum_days)
        day = "/".join(figures.count(number.value) for number in days)
        visitors = (
            f"{figures.count(planned_progress(report))}/{figures.count(report.planned_units)}"
        )
        if report.verdict.kind:
            verdict = figures.verdict_kind(report.verdict.kind, report.verdict.cause).lower()
    variants = ", ".join(variant.id for variant in campaign.variants)
    return (
        screen.safe(campaign_id(campaign.name)),
        screen.safe(state),
        str(campaign.epoch),
        day,
        visitors,
        screen.safe(verdict),
        screen.safe(", ".join(planned.metric for planned in campaign.plan.primary)) or "-",
        local_time(_since(campaign), campaign.time_zone).strftime("%Y-%m-%d"),
        screen.safe(variants),
    )


def _since(campaign: pb.Campaign) -> Timestamp:
    """The last change of state."""
    if campaign.HasField("stop_time"):
        return campaign.stop_time
    return campaign.start_time if campaign.HasField("start_time") else campaign.create_time

"""A report of the server as the view that terminal, page and browser draw."""

from collections.abc import Sequence

from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import Campaign
from fairlift.wire.campaign import campaign_id
from fairlift_report.number_signs import number_signs
from fairlift_report.parts import MOST_COURSES, MOST_DETAILS, CourseView, SegmentsView
from fairlift_report.table import TableView
from fairlift_report.view import CampaignView, MethodView, PageWords
from fairlift_stats.messages import Number

from fairlift_cli.report.days_part import days_view
from fairlift_cli.report.freshness import data_shown, status
from fairlift_cli.report.lift_pictures import lift_pictures
from fairlift_cli.report.live_tables import (
    channels_table,
    coupons_table,
    funnel_tables,
    provisional_table,
    totals_table,
)
from fairlift_cli.report.method_part import method_view
from fairlift_cli.report.origin_part import origin_view
from fairlift_cli.report.outlook_parts import forecast_view, worth_view
from fairlift_cli.report.over_time import course_views
from fairlift_cli.report.plan_part import plan_view
from fairlift_cli.report.report_context import ReportContext, report_context
from fairlift_cli.report.result_tables import metrics_view
from fairlift_cli.report.segment_parts import segment_views
from fairlift_cli.report.verdict_parts import progress_view, verdict_view
from fairlift_cli.trust import trust_view


def campaign_view(
    report: pb.Report,
    *,
    language: str,
    looks: Sequence[pb.Look] = (),
    campaign: Campaign | None = None,
) -> CampaignView:
    """The view of a report.

    Args:
        report: in the same language: its sentences are the server's.
        language: en, es or ro.
        looks: of the report's epoch, oldest first; without them nothing is told over time.
        campaign: as the server has it; without it the plan is told by its hash alone.
    """
    context = report_context(report, language=language, looks=looks, campaign=campaign)
    title, subtitle = _title(context)
    pictures, method = tuple(lift_pictures(context)), method_view(context)
    courses, segments = tuple(course_views(context)), tuple(segment_views(context))
    return CampaignView(
        language=language,
        signs=number_signs(language),
        words=_words(context, courses, segments, method),
        campaign=campaign_id(report.campaign),
        title=title,
        subtitle=subtitle,
        heading=_heading(context),
        status=status(context),
        environment=report.environment,
        created=_created(context),
        verdict=verdict_view(context, pictures),
        worth=worth_view(context),
        progress=progress_view(context),
        forecast=forecast_view(context),
        warning=_warning(context),
        data_shown=data_shown(context),
        pictures=pictures,
        courses=courses,
        days=days_view(context),
        origin=origin_view(context),
        metrics=metrics_view(context),
        funnels=tuple(funnel_tables(context)),
        segments=segments,
        trust=trust_view(context.figures, report.health, every=False)
        if report.health.checks
        else None,
        provisional=provisional_table(context),
        totals=totals_table(context),
        notes=tuple(report.notes),
        channels=channels_table(context),
        channel_notes=tuple(channel.sentence for channel in report.channels),
        coupons=coupons_table(context),
        plan=plan_view(context),
        method=method,
    )


def _title(context: ReportContext) -> tuple[str, str]:
    """The campaign's name, and its id with the epoch where it has several."""
    report, name = context.report, campaign_id(context.report.campaign)
    epoch = context.say("report.epoch", number=Number(report.epoch)) if report.epoch > 1 else ""
    if report.display_name in ("", name):
        return name, epoch
    return report.display_name, f"{name}, {epoch}" if epoch else name


def _heading(context: ReportContext) -> str:
    """Both in one line."""
    title, subtitle = _title(context)
    if title == campaign_id(context.report.campaign):
        return f"{title}, {subtitle}" if subtitle else title
    return f"{title} ({subtitle})"


def _words(
    context: ReportContext,
    courses: Sequence[CourseView],
    segments: Sequence[SegmentsView],
    method: MethodView,
) -> PageWords:
    further = sum(_rows(each.table) for each in segments if not each.is_first_metric)
    details = _rows(method.table)
    return PageWords(
        changes=context.say("page.changes", control=context.name(context.control)),
        colours=context.say("page.colours"),
        over_time=context.say("page.over_time"),
        segments=context.say("page.segments"),
        segments_legend=context.say("page.segments_legend"),
        more_metrics=context.say("page.more_metrics"),
        figures=context.say("page.figures"),
        more_courses=_left_out(context, "page.more_courses", len(courses) - MOST_COURSES),
        more_segments=_left_out(
            context, "page.more_rows", further if further > MOST_DETAILS else 0
        ),
        more_details=_left_out(context, "page.more_rows", details if details > MOST_DETAILS else 0),
        totals=context.say("page.totals"),
        made_by=context.say("page.made_by"),
    )


def _rows(table: TableView) -> int:
    return sum(len(group.rows) for group in table.groups)


def _left_out(context: ReportContext, key: str, count: int) -> str:
    """How many a page leaves out; empty where it leaves out none."""
    return context.say(key, by="count", count=Number(count)) if count > 0 else ""


def _created(context: ReportContext) -> str:
    if not context.report.HasField("create_time"):
        return ""
    time = context.figures.moment(context.report.create_time)
    return context.say("report.created", time=time)


def _warning(context: ReportContext) -> str:
    verdict, metrics = context.report.verdict, context.report.metrics
    if verdict.kind == pb.VERDICT_KIND_DO_NOT_TRUST and metrics:
        return context.say("report.figures_not_reliable")
    return ""

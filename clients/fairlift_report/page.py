"""Pages as HTML: one file with its style and pictures inside, no script, nothing from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from fairlift_report.colours import DARK, LIGHT, PAPER, declarations
from fairlift_report.mini import MiniScale
from fairlift_report.parts import (
    MOST_COURSES,
    MOST_DETAILS,
    MOST_SEGMENTS,
    MOST_SPLIT_LINES,
    CourseView,
    SegmentsView,
    WaterfallView,
)
from fairlift_report.pictures.course import draw_evidence, draw_lift_course
from fairlift_report.pictures.days import draw_days, draw_split
from fairlift_report.pictures.drawing import Picture
from fairlift_report.pictures.lifts import draw_lifts, draw_segments
from fairlift_report.pictures.waterfall import draw_waterfall
from fairlift_report.portfolio import PortfolioView
from fairlift_report.table import TableView
from fairlift_report.templates import environment
from fairlift_report.view import CampaignView

__all__ = ["campaign_page", "campaign_parts", "portfolio_page", "portfolio_parts", "style"]

# A page is read, not searched: of more questions the first has pictures, others figures alone.
_MOST_DRAWN_COURSES = 3
_MOST_WATERFALLS = 4


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The pictures of a campaign's page, each beside what it shows."""

    lifts: Picture | None
    courses: tuple[tuple[CourseView, Picture | None, Picture | None], ...]
    days: Picture | None
    split: Picture | None
    waterfalls: tuple[tuple[WaterfallView, Picture | None], ...]
    segments: tuple[tuple[SegmentsView, Picture | None], ...]


def campaign_page(view: CampaignView) -> str:
    """The report of a campaign as one HTML file."""
    top = " · ".join(text for text in (view.environment, view.created) if text)
    return _page(
        title=f"{view.title}: {view.verdict.word}" if view.verdict.word else view.title,
        language=view.language,
        top=top,
        foot=view.words.made_by,
        body=campaign_parts(view),
    )


def campaign_parts(view: CampaignView) -> Markup:
    """What stands on the page of a campaign, without the page around it."""
    template = environment().get_template("campaign.html")
    more = tuple(segments for segments in view.segments if not segments.is_first_metric)
    text = template.render(
        view=view,
        drawn=_drawn(view),
        most_segments=MOST_SEGMENTS,
        most_split_lines=MOST_SPLIT_LINES,
        has_details=0 < _row_count(view.method.table) <= MOST_DETAILS,
        more_segments=more if sum(_row_count(each.table) for each in more) <= MOST_DETAILS else (),
    )
    return Markup(text)


def portfolio_page(view: PortfolioView, *, link: Callable[[str], str]) -> str:
    """The list of all campaigns as one HTML file; `link` gives a campaign's address by its id."""
    return _page(
        title=view.heading,
        language=view.language,
        top="",
        foot=view.made_by,
        body=portfolio_parts(view, link=link),
    )


def portfolio_parts(view: PortfolioView, *, link: Callable[[str], str]) -> Markup:
    """What stands on the page of all campaigns, without the page around it."""
    scale = MiniScale([row.lift for row in view.rows if row.lift is not None])
    template = environment().get_template("portfolio.html")
    return Markup(template.render(view=view, link=link, mini=scale.draw))


def _row_count(table: TableView) -> int:
    return sum(len(group.rows) for group in table.groups)


@cache
def style(*, root: str = ":root", body: str = "body") -> Markup:
    """The style of all pages, as CSS.

    Args:
        root: what has the colours.
        body: what the page stands in.
    """
    colours = {"light": LIGHT, "dark": DARK, "paper": PAPER}
    names = {name: Markup(declarations(each)) for name, each in colours.items()}
    return Markup(environment().get_template("style.css").render(root=root, body=body, **names))


def _page(**parts: str) -> str:
    return environment().get_template("page.html").render(style=style(), **parts)


def _drawn(view: CampaignView) -> _Drawn:
    signs = view.signs
    effects = {picture.metric: picture.minimum_effect for picture in view.pictures}
    waterfalls = view.origin.waterfalls if view.origin is not None else ()
    most_courses = 1 if len(view.courses) > _MOST_DRAWN_COURSES else _MOST_DRAWN_COURSES
    return _Drawn(
        lifts=draw_lifts(view.pictures, signs),
        courses=tuple(
            (
                course,
                draw_lift_course(course, effects.get(course.metric), signs),
                draw_evidence(course, signs),
            )
            if number < most_courses
            else (course, None, None)
            for number, course in enumerate(view.courses[:MOST_COURSES])
        ),
        days=draw_days(view.days, signs) if view.days is not None else None,
        split=draw_split(view.days, signs) if view.days is not None else None,
        waterfalls=tuple(
            (waterfall, draw_waterfall(waterfall, signs) if number < _MOST_WATERFALLS else None)
            for number, waterfall in enumerate(waterfalls)
        ),
        segments=tuple(
            (segments, draw_segments(segments, signs))
            for segments in view.segments
            if segments.is_first_metric
        ),
    )

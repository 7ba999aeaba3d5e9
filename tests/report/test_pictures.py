"""What pictures show and leave out: read from the SVG, in pixels."""

import math
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise

import pytest
from fairlift_cli.report import campaign_view
from fairlift_report.colours import DARK, LIGHT, PAPER
from fairlift_report.mini import MiniScale
from fairlift_report.page import campaign_parts, style
from fairlift_report.pictures.course import draw_evidence, draw_lift_course
from fairlift_report.pictures.days import draw_split
from fairlift_report.pictures.intervals import lift_domain
from fairlift_report.pictures.lifts import draw_lifts, draw_segments
from fairlift_report.pictures.waterfall import draw_waterfall
from fairlift_report.table import IntervalView
from fairlift_report.view import CampaignView
from fairlift_stats.locale import LANGUAGES

from tests.report.hard_cases import hard_cases
from tests.report.recorded import recorded


@pytest.fixture(scope="module")
def popup() -> CampaignView:
    """A campaign with a decision, of one treatment."""
    return view_of("coupon-popup")


def view_of(name: str, language: str = "en") -> CampaignView:
    said = recorded(name, language)
    return campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def row(low: float, estimate: float, high: float) -> IntervalView:
    return IntervalView("red", low, estimate, high, f"{estimate:+.1%}", "…")


def test_one_treatment_needs_no_name_in_each_row(popup: CampaignView) -> None:
    drawn = draw_lifts(popup.pictures, popup.signs)

    assert drawn is not None
    assert {"Conversion rate", "Average ticket", "Revenue per visitor", "verdict"} <= set(
        texts(drawn.wide)
    )
    assert "10 % coupon" not in texts(drawn.wide)


def test_several_treatments_stand_below_their_metric() -> None:
    view = view_of("cross-sell")

    drawn = draw_lifts(view.pictures, view.signs)

    assert drawn is not None
    assert texts(drawn.narrow).count("Same look") == 3


def test_a_longer_row_is_a_wider_interval(popup: CampaignView) -> None:
    """Pixels are in proportion to the figures: bars of two rows, by their ends."""
    drawn = draw_lifts(popup.pictures, popup.signs)
    rows = [each for picture in popup.pictures for each in picture.rows]

    assert drawn is not None
    lengths = [
        float(length)
        for length in re.findall(r'<line[^>]*x2="([\d.]+)"[^>]*stroke-width="10"', drawn.wide)
    ]
    assert len(lengths) == len(rows)
    scale = {round(n / (each.high - each.low)) for n, each in zip(lengths, rows, strict=True)}
    assert max(scale) - min(scale) <= 0.01 * max(scale)


def test_numbers_of_axes_are_written_as_the_language_writes_them() -> None:
    view = view_of("coupon-popup", "es")

    drawn = draw_lifts(view.pictures, view.signs)

    assert drawn is not None
    assert "+10\N{NO-BREAK SPACE}%" in texts(drawn.wide)
    assert "0" in texts(drawn.wide)
    course = draw_lift_course(view.courses[0], None, view.signs)
    assert course is not None
    assert any(text.endswith(" nov") for text in texts(course.wide))


def test_nothing_to_draw_is_no_picture(popup: CampaignView) -> None:
    course = popup.courses[0]
    silent = replace(
        course, points=tuple(replace(p, lift=None, evidence=None) for p in course.points)
    )
    table = replace(popup.totals, groups=())

    assert draw_lifts((), popup.signs) is None
    assert draw_lift_course(silent, None, popup.signs) is None
    assert draw_evidence(silent, popup.signs) is None
    segments = view_of("free-shipping").segments[0]
    assert draw_segments(replace(segments, table=table, raw=()), popup.signs) is None


def test_an_analysis_without_an_interval_shows_its_lift_alone(popup: CampaignView) -> None:
    course = popup.courses[0]
    bare = tuple(
        replace(p, lift=replace(p.lift, low=-math.inf, high=math.inf) if p.lift else None)
        for p in course.points
    )

    drawn = draw_lift_course(replace(course, points=bare), None, popup.signs)

    assert drawn is not None
    assert 'stroke-width="10"' not in drawn.wide


def test_many_intervals_are_one_band() -> None:
    said = hard_cases()["very many"]
    view = campaign_view(said.report, language="en", looks=said.looks)

    drawn = draw_lift_course(view.courses[0], None, view.signs)

    assert drawn is not None
    assert 'stroke-width="10"' not in drawn.wide
    assert 'opacity="0.18"' in drawn.wide


def test_the_day_of_the_decision_is_named(popup: CampaignView) -> None:
    course = popup.courses[0]
    decided = next(point for point in course.points if point.is_decision)

    for drawn in (
        draw_lift_course(course, 0.15, popup.signs),
        draw_evidence(course, popup.signs),
    ):
        assert drawn is not None
        assert f"Decided: {decided.day}" in texts(drawn.wide)


@pytest.mark.parametrize("place", [0, 8, -1])
def test_words_of_a_decision_stay_within_the_picture(popup: CampaignView, place: int) -> None:
    course = popup.courses[0]
    chosen = course.points[place]
    moved = tuple(replace(point, is_decision=point is chosen) for point in course.points)

    drawn = draw_evidence(replace(course, points=moved), popup.signs)

    assert drawn is not None
    (anchor,) = re.findall(r'<text (?:text-anchor="(\w+)" )?[^>]*>Decided', drawn.narrow)
    assert anchor == {0: "start", 8: "middle", -1: "end"}[place]


def test_what_came_after_the_decision_is_faint() -> None:
    view = view_of("free-shipping")
    course = view.courses[0]
    assert any(point.is_later for point in course.points)

    drawn = draw_lift_course(course, None, view.signs)

    assert drawn is not None
    assert 'opacity="0.35"' in drawn.wide
    later = [point for point in course.points if point.is_later]
    assert all(point.lift is None or math.isinf(point.lift.high) for point in later)
    assert all(point.success is point.harm is point.giving_up is None for point in later)


def test_bars_of_a_waterfall_follow_on_each_other(popup: CampaignView) -> None:
    """Each begins where the one before ended, and the last is the sum: by the printed figures."""
    assert popup.origin is not None
    (waterfall,) = popup.origin.waterfalls
    drawn = draw_waterfall(waterfall, popup.signs)

    spans = [
        (float(x), float(x) + float(length))
        for x, length in re.findall(
            r'translate\(([\d.]+),[\d.]+\)" x2="(-?[\d.]+)"[^>]*stroke-width="16"', drawn.wide
        )
    ]
    assert len(spans) == len(waterfall.steps) + 1
    total = sum(step.amount for step in waterfall.steps)
    assert waterfall.total.amount == pytest.approx(total)
    for (_, end), (start, _) in pairwise(spans[:-1]):
        assert start == pytest.approx(end, abs=1.5)
    zero = spans[0][0]
    assert spans[-1][0] == pytest.approx(zero, abs=1.5)
    assert spans[-1][1] == pytest.approx(spans[-2][1], abs=1.5)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["coupon-popup", "birthday voucher for customers"])
def test_no_word_of_a_waterfall_is_cut(name: str, language: str) -> None:
    """On a phone the longest Romanian labels need two lines."""
    view = view_of(name, language)
    assert view.origin is not None
    (waterfall,) = view.origin.waterfalls

    drawn = draw_waterfall(waterfall, view.signs)

    for svg in (drawn.wide, drawn.narrow):
        shown = re.sub(r"<[^>]*>", " ", svg.partition("</desc>")[2])
        assert "…" not in shown
        for step in (*waterfall.steps, waterfall.total):
            assert " ".join(step.label.split()) in " ".join(unescape(shown).split())


def test_a_split_without_a_plan_has_no_planned_line(popup: CampaignView) -> None:
    assert popup.days is not None

    planned = draw_split(popup.days, popup.signs)
    unplanned = draw_split(replace(popup.days, planned=()), popup.signs)

    assert "var(--effect)" in planned.wide
    assert "var(--effect)" not in unplanned.wide


def test_a_day_on_which_nobody_came_has_no_share(popup: CampaignView) -> None:
    assert popup.days is not None
    empty = replace(
        popup.days, dates=popup.days.dates[:1], totals=(0,), shares=((),), shares_so_far=((),)
    )

    assert "<svg" in draw_split(empty, popup.signs).wide


@pytest.mark.parametrize(
    "rows",
    [
        [row(-0.1, 0.1, 0.3)],
        # Zero is on every scale.
        [row(0.1, 0.2, 0.3)],
        [row(-0.3, -0.2, -0.1)],
        [row(-0.1, 0, 0.1), row(-0.1, 0.5, 0.6)],
    ],
)
def test_a_scale_holds_zero_and_all_of_usual_intervals(rows: list[IntervalView]) -> None:
    low, high = lift_domain(rows)
    ends = [0.0, *(each.low for each in rows), *(each.high for each in rows)]

    assert low < min(ends)
    assert high > max(ends)
    # Most of the picture is used.
    assert max(ends) - min(ends) > 0.8 * (high - low)


def test_one_long_interval_is_cut_and_does_not_press_the_others_together() -> None:
    low, high = lift_domain([row(-0.1, 0, 0.1), row(-0.1, 0, 0.1), row(-10, 0.05, 10)])

    assert -10 < low < -0.1
    assert 0.1 < high < 10
    assert 0.15 * (high - low) < 0.2


def test_an_interval_without_ends_has_a_scale() -> None:
    low, high = lift_domain([row(-math.inf, 0.3, math.inf)])

    assert -math.inf < low < 0.0
    assert 0.3 < high < math.inf


def test_a_small_interval_has_its_place_on_the_scale_of_all() -> None:
    scale = MiniScale([row(-0.5, 0.0, 0.5), row(0.0, 0.25, 0.5), row(-math.inf, 9.0, math.inf)])

    assert 'left:50.0%;width:50.0%"></i><u style="left:50.0%"></u><b style="left:75.0%"' in str(
        scale.draw(row(0.0, 0.25, 0.5))
    )
    assert "left:0.0%;width:100.0%" in str(scale.draw(row(-math.inf, 9.0, math.inf)))


def test_a_picture_is_as_wide_as_a_page_or_a_phone(popup: CampaignView) -> None:
    drawn = draw_lifts(popup.pictures, popup.signs)

    assert drawn is not None
    assert drawn.wide.startswith('<svg viewBox="0 0 880 ')
    assert drawn.narrow.startswith('<svg viewBox="0 0 330 ')


def test_every_colour_that_is_called_has_a_value_by_day_by_night_and_on_paper(
    popup: CampaignView,
) -> None:
    said = f"{style()}{campaign_parts(popup)}{notebook_style()}"

    of_one_rule = {"tone", "tint", "columns"}
    assert set(re.findall(r"var\(--([\w-]+)\)", said)) <= set(LIGHT) | of_one_rule
    assert set(LIGHT) == set(DARK) == set(PAPER)
    assert ":root" not in notebook_style()
    assert ":scope {\n  margin: 0;" in notebook_style()
    assert not re.search(r"\bbody\b", notebook_style())


def test_the_styles_of_pages_and_notebooks_are_made_once() -> None:
    of_pages, of_notebooks = style(), style(root=":scope", body=":scope")

    assert style() is of_pages
    assert style(root=":scope", body=":scope") is of_notebooks


def notebook_style() -> str:
    return str(style(root=":scope", body=":scope"))

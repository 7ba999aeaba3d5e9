"""Tables over time name what they show: the level of their own intervals, and every line drawn."""

import re
from itertools import accumulate

import pytest
from fairlift_cli.figures import Figures
from fairlift_cli.report import campaign_view
from fairlift_report.parts import CourseView
from fairlift_report.pictures.course import draw_evidence
from fairlift_report.pictures.days import draw_split
from fairlift_report.view import CampaignView
from fairlift_stats.locale import LANGUAGES

from tests.report.recorded import recorded


def view_of(name: str, language: str = "en", *, guardrail_level: float = 0.0) -> CampaignView:
    said = recorded(name, language)
    for look in said.looks:
        for comparison in look.comparisons:
            is_guardrail = comparison.metric == "conversion_rate"
            if guardrail_level and is_guardrail and comparison.HasField("lift_interval"):
                comparison.lift_interval.confidence = guardrail_level
    return campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)


def columns(course: CourseView) -> tuple[str, ...]:
    return course.table.columns


@pytest.mark.parametrize(
    ("language", "heading"),
    [
        ("en", "97.5% interval"),
        ("es", "intervalo del 97,5\N{NO-BREAK SPACE}%"),
        ("ro", "interval de 97,5\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_course_of_one_of_two_treatments_has_intervals_of_975(
    language: str, heading: str
) -> None:
    """Bonferroni: an error of 5 % for two treatments is 2.5 % for each."""
    view = view_of("cross-sell", language)

    assert [columns(course)[1] for course in view.courses] == [heading] * 2


def test_a_guardrail_of_another_level_does_not_rename_the_column() -> None:
    view = view_of("cross-sell", guardrail_level=0.99)

    assert {columns(course)[1] for course in view.courses} == {"97.5% interval"}


def test_a_course_without_intervals_names_no_level() -> None:
    said = recorded("cross-sell")
    for look in said.looks:
        for comparison in look.comparisons:
            comparison.ClearField("lift_interval")

    view = campaign_view(said.report, language="en", looks=said.looks)

    assert [columns(course)[1] for course in view.courses] == ["Interval"] * 2


def test_a_level_is_not_rounded_to_another() -> None:
    figures = Figures("en")

    assert [figures.confidence(level) for level in (0.9, 0.95, 0.975, 1 - 0.05 / 3)] == [
        "90%",
        "95%",
        "97.5%",
        "98.3%",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_line_that_is_drawn_stands_in_the_table_and_in_the_description(language: str) -> None:
    said = recorded("free-shipping", language)
    view = view_of("free-shipping", language)
    comparisons = [
        comparison
        for look in said.looks
        for comparison in look.comparisons
        if comparison.metric == "revenue_per_visitor"
    ]
    course = view.courses[0]
    drawn = draw_evidence(course, view.signs)
    assert drawn is not None
    description = drawn.wide.partition("<desc")[2].partition("</desc>")[0]
    rows = course.table.groups[0].rows
    number = Figures(language).number

    assert len(rows) == len(comparisons) > 10
    given_up = 0
    for row, comparison, point in zip(rows, comparisons, course.points, strict=True):
        if point.giving_up is not None:
            given_up += 1
            line = number(comparison.futility_boundary, 2)
            assert row.cells[columns(course).index(Figures(language).say("looks.give_up"))] == line
            assert f"{Figures(language).say('looks.give_up')} {line}" in description
    assert given_up > 0


def test_the_split_of_each_day_and_so_far_stands_in_the_table_and_in_the_description() -> None:
    said = recorded("cross-sell")
    variants = [totals.variant for totals in said.report.totals]
    names = [totals.display_name for totals in said.report.totals]
    days = view_of("cross-sell").days
    assert days is not None
    description = draw_split(days, view_of("cross-sell").signs).wide.partition("<desc>")[2]
    by_day: dict[str, dict[str, int]] = {}
    for day in said.report.days:
        by_day.setdefault(day.date, {})[day.variant] = day.entered_units
    each_day = [[day.get(each, 0) for day in by_day.values()] for each in variants]
    running = [list(accumulate(counts)) for counts in each_day]
    rows = days.table.groups[0].rows

    assert days.table.columns == (
        *names, *(f"{name}: share of the day" for name in names),
        *(f"{name}: share so far" for name in names),
    )  # fmt: skip
    assert len(rows) == len(by_day) > 10
    for number, row in enumerate(rows):
        own = [counts[number] for counts in each_day]
        so_far = [counts[number] for counts in running]
        shares = [f"{count / sum(own):.1%}" for count in own]
        until = [f"{count / sum(so_far):.1%}" for count in so_far]
        assert list(row.cells[len(names) :]) == [*shares, *until]
        first = f"{names[0]} {shares[0]} ({until[0]} so far)"
        assert f"{first}, {names[1]} {shares[1]} ({until[1]} so far)" in description


def test_one_bad_day_is_seen_in_the_picture() -> None:
    """Expected: 500 of 1,000 on 27 days; on one day 50 of 1,000, which is 5 % of that day."""
    said = recorded("cross-sell")
    said.report.totals.pop()
    del said.report.days[:]
    for number in range(1, 29):
        of_first = 50 if number == 20 else 500
        for totals, units in zip(said.report.totals, (of_first, 1_000 - of_first), strict=True):
            day = f"2026-03-{number:02}"
            said.report.days.add(date=day, variant=totals.variant, entered_units=units)

    view = campaign_view(said.report, language="en")

    days = view.days
    assert days is not None
    assert days.shares[19] == (0.05, 0.95)
    assert min(first for first, _ in days.shares_so_far) > 0.47
    for drawn in (draw_split(days, view.signs).wide, draw_split(days, view.signs).narrow):
        dots = re.findall(r'<circle [^>]*cy="([\d.]+)"', drawn)
        heights = sorted(map(float, dots))
        assert len(heights) == 2 * 28
        # The bad day stands alone, far above and far below all other dots.
        assert heights[1] - heights[0] > 25
        assert heights[-1] - heights[-2] > 25
        assert heights[-2] - heights[1] < 1


def test_before_the_first_visitor_there_is_no_split() -> None:
    said = recorded("cross-sell")
    del said.report.days[:]
    said.report.days.add(date="2026-03-01", variant=said.report.totals[0].variant)

    days = campaign_view(said.report, language="en").days

    assert days is not None
    assert days.shares == days.shares_so_far == ((),)
    assert days.table.groups[0].rows[0].cells == ("0",) * 3 + ("–",) * 6

"""A page is one file that needs nothing else, holds whatever names say, and speaks to everybody."""

import re
import time
from collections.abc import Callable
from typing import cast

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.value_pb2 import Quantity
from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_report.page import campaign_page, portfolio_page
from fairlift_report.visible import visible
from fairlift_stats.locale import LANGUAGES

from tests.cli.reports import report
from tests.report.hard_cases import HOSTILE, Said, hard_cases
from tests.report.html_reading import ReadPage, read_html
from tests.report.recorded import recorded, recorded_list

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
MOST_BYTES = 300_000
PICTURE = {"svg", "title", "desc", "g", "path", "line", "text", "tspan", "circle"}
HTML = """
    html head meta link style body header main footer section div span p a h1 h2 h3 ul li i b u br
    small code figure figcaption table caption thead tbody tr th td details summary dl dt dd
"""
TAGS = PICTURE | set(HTML.split())
# What would be loaded from elsewhere, or run.
REQUEST = re.compile(r"https?:|url\(|@import|<script|\son\w+=|src=|javascript:")


def page_of(said: Said, language: str = "en") -> str:
    view = campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)
    return campaign_page(view)


def list_of(language: str = "en") -> str:
    view = portfolio_view(recorded_list(language), language=language)
    return portfolio_page(view, link=lambda campaign: f"campaigns/{campaign}.html")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """A page of each kind and language, made once."""
    made = {
        f"campaign {language}": page_of(recorded("coupon-popup", language), language)
        for language in LANGUAGES
    }
    made |= {f"list {language}": list_of(language) for language in LANGUAGES}
    return made


@pytest.fixture(scope="module")
def hard_pages() -> dict[str, str]:
    return {name: page_of(said) for name, said in hard_cases().items()}


@pytest.fixture(scope="module")
def hostile(hard_pages: dict[str, str]) -> ReadPage:
    return read_html(hard_pages["hostile names"])


def test_a_page_asks_for_nothing_and_runs_nothing(pages: dict[str, str]) -> None:
    for html in pages.values():
        read = read_html(html)
        policies = [meta for meta in read.having("meta") if "http-equiv" in meta]
        assert policies == [{"http-equiv": "Content-Security-Policy", "content": POLICY}]
        assert not REQUEST.search(html)
        assert {tag for tag, _ in read.tags} <= TAGS


def test_a_page_says_its_language_and_has_one_title(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        read = read_html(html)
        assert read.having("html")[0]["lang"] == name.split()[-1]
        assert len(read.having("h1")) == 1


def test_a_page_is_small_enough_for_mail(pages: dict[str, str], hard_pages: dict[str, str]) -> None:
    for html in (*pages.values(), *hard_pages.values()):
        assert len(html.encode()) <= MOST_BYTES


def test_what_a_page_leaves_out_is_counted(hard_pages: dict[str, str]) -> None:
    """Of 3 primary metrics and 19 treatments, 57 courses; each of 50 metrics has 19 p-values."""
    text = read_html(hard_pages["very many"]).text

    assert hard_pages["very many"].count(': over time">') == 6
    assert "Another 51 courses over time are listed by `fairlift looks --details`." in text
    assert "Another 950 rows are listed by `fairlift results --details`." in text


def test_each_chance_of_a_decision_has_its_day() -> None:
    said = recorded("cross-sell, day 12")
    named = [(f"{each.chance:.0%}", each.date) for each in said.report.forecast.chances]

    page = page_of(said)

    assert named == [("20%", "2026-11-18"), ("50%", "2026-11-18"), ("80%", "2026-11-25")]
    for chance, date in named:
        assert f"<dt>{chance}</dt><dd>Nov {date[-2:]}, 2026</dd>" in page


def test_segments_of_further_metrics_are_shown_or_counted() -> None:
    said = hard_cases()["very many"]
    for metric in ("average_ticket", "revenue_per_visitor"):
        said.report.segments.add().CopyFrom(said.report.segments[0])
        said.report.segments[-1].metric = metric
    many = read_html(page_of(said)).text
    for cut in said.report.segments:
        del cut.segments[100:]

    few = read_html(page_of(said)).text

    assert "Another 400 rows are listed by `fairlift results --details`." in many
    assert "Segments of the other metrics" not in many
    assert "Segments of the other metrics" in few
    assert "Another 200 rows" not in few


def test_every_picture_is_told_to_those_who_do_not_see_it(pages: dict[str, str]) -> None:
    for html in pages.values():
        pictures = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
        assert pictures
        for svg in pictures:
            title = re.search(r"<title>(.+?)</title><desc>(.+?)</desc>", svg)
            assert 'aria-hidden="true"' in svg or ('role="img"' in svg and title)


def test_a_picture_tells_its_figures(pages: dict[str, str]) -> None:
    (headline, *_) = re.findall(r"<desc>(.+?)</desc>", pages["campaign en"])

    comparison = next(
        metric for metric in recorded("coupon-popup").report.metrics
        if metric.metric == "conversion_rate"
    ).comparisons[0]  # fmt: skip
    assert f"Conversion rate, 10 % coupon: {comparison.lift:+.1%}" in headline


def test_pictures_follow_the_colours_of_the_page(pages: dict[str, str]) -> None:
    for svg in re.findall(r"<svg class=.*?</svg>", pages["campaign en"], re.DOTALL):
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
        assert colours
        assert all(colour.startswith("var(--") or colour == "none" for colour in colours)


def test_a_table_names_its_rows_and_columns(pages: dict[str, str]) -> None:
    for html in pages.values():
        assert {th.get("scope") for th in read_html(html).having("th")} <= {
            "col", "row", "rowgroup",
        }  # fmt: skip


def test_the_verdict_is_a_word_and_an_icon_not_a_colour_alone(pages: dict[str, str]) -> None:
    word = re.search(r'<p class="word">(.*?)</p>', pages["campaign en"], re.DOTALL)

    assert word is not None
    assert "<svg" in word[1]
    assert "SHIP IT" in word[1]


def test_hostile_names_are_text(hostile: ReadPage) -> None:
    assert {tag for tag, _ in hostile.tags} <= TAGS
    attributes = {name for _, of_tag in hostile.tags for name in of_tag}
    assert not [name for name in attributes if name.startswith("on") or name == "src"]
    assert "script" not in {tag for tag, _ in hostile.tags}
    for text in HOSTILE:
        assert visible(text).split()[0] in hostile.text


def test_signs_that_hide_or_reorder_text_are_seen_not_obeyed(hard_pages: dict[str, str]) -> None:
    html = hard_pages["hostile names"]

    assert "free[U+202E]gpj.exe[U+2066][U+200F]" in html
    assert "null[U+0000]bell[U+0007]tab line return done[U+001B][31m" in html
    assert not re.search("[\x00-\x09\x0b-\x1f\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)
    # Within an emoji the joiner is no trick.
    assert "👩‍💻" in html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\u200db", "a[U+200D]b"),
        ("\u200d", "[U+200D]"),
        ("👩\u200d", "👩[U+200D]"),
        ("soft\u00adhyphen", "soft[U+00AD]hyphen"),
        ("tag\U000e0041", "tag[U+E0041]"),
        ("half\ud83d", "half[U+D83D]"),
        # Letters and a pattern that look like blanks: Hangul fillers, empty Braille.
        ("\u3164\uffa0\u2800", "[U+3164][U+FFA0][U+2800]"),
        ("한글 ⠓", "한글 ⠓"),
        ("two\r\nlines", "two  lines"),
        ("señal ș", "señal ș"),
    ],
)
def test_what_is_hidden_is_shown_by_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_only_a_hostile_name_looks_hostile(hostile: ReadPage) -> None:
    """The same page with plain names has the same tags in the same order, but icons of verdicts."""
    made = hard_cases()["hostile names"].report
    for place in (made.totals, made.health.checks, made.notes):
        assert len(place) > 1
    plain = read_html(page_of(Said(_with_plain_texts(made))))

    assert [tag for tag, _ in plain.tags] == [tag for tag, _ in hostile.tags]


def _with_plain_texts(message: pb.Report) -> pb.Report:
    """The report with each hostile text as one of the same number of words' worth: one word."""
    text = message.SerializeToString()
    assert text  # the message is copied below, and changed by field
    plain = pb.Report.FromString(text)
    plain.display_name, plain.verdict.sentence, plain.verdict.action = "Name", "Said.", "Do."
    for number, totals in enumerate(plain.totals):
        totals.display_name = f"Variant {number}"
    for number, metric in enumerate(plain.metrics):
        metric.display_name = f"Metric {number}"
        for comparison in metric.comparisons:
            comparison.cannot_say = f"Why {number}"
    for check in plain.health.checks:
        check.sentence = "Fine."
    plain.notes[:] = [f"Note {number}." for number in range(len(plain.notes))]
    return plain


def test_nothing_yet_is_said_and_not_drawn(hard_pages: dict[str, str]) -> None:
    assert "No verdict yet" in hard_pages["nothing yet"]
    assert "<figure" not in hard_pages["nothing yet"]
    assert "Provisional" in hard_pages["no looks"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("yen", "¥25,000"),
        ("dinar", "KWD92.500"),
        ("a trillion", "€1,190,000,000,000.00"),
    ],
)
def test_money_is_written_as_its_currency_is(
    name: str, said: str, hard_pages: dict[str, str]
) -> None:
    """Yen have no decimals, dinars three: 25,000.12 x 0.0037 is 92.500444."""
    assert f"<td>{said}" in hard_pages[name]


def test_a_report_of_an_older_server_lacks_parts_and_breaks_nothing() -> None:
    """Everything that came after the first contract is absent; the verdict stays."""
    made = report()
    for field in ("look", "next_look_time", "time_zone", "environment", "days", "coupons",
                  "channels", "worths", "forecast", "segments", "plan_hash", "late"):  # fmt: skip
        made.ClearField(field)
    for metric in made.metrics:
        for comparison in metric.comparisons:
            comparison.ClearField("method")
            comparison.ClearField("sequential_lift_interval")

    html = page_of(Said(made))

    assert "Free earns more per visitor, and that is certain enough." in html
    assert "+6.1%" in html


def test_words_of_a_newer_server_break_nothing() -> None:
    made = report()
    made.verdict.kind = cast("pb.VerdictKind.ValueType", 99)
    made.metrics[0].role = cast("pb.MetricRole.ValueType", 99)
    made.metrics[0].quantity = cast("Quantity.ValueType", 99)
    made.metrics[0].comparisons[0].method = cast("pb.Method.ValueType", 99)
    made.health.checks[0].status = cast("pb.HealthStatus.ValueType", 99)
    made.decompositions[0].factors[0].metric = "luck"
    made.days.add(date="some day", variant="free", entered_units=3)

    html = page_of(Said(made))

    assert "Free earns more per visitor, and that is certain enough." in html
    assert "Luck (+9.6%)" in html
    assert "some day" in html


def test_a_campaign_takes_less_than_a_second_and_a_half() -> None:
    said = recorded("coupon-popup")
    page_of(said)  # what draws starts once

    began = time.process_time()
    page_of(said)

    assert time.process_time() - began < 1.5


def test_the_list_shows_what_needs_action_first(pages: dict[str, str]) -> None:
    text = read_html(pages["list en"]).text

    assert text.index("Act now") < text.index("Free shipping over 50")
    assert text.index("Free shipping over 50") < text.index("Decided, to be done")
    assert text.index("Decided, to be done") < text.index("Exit popup with a coupon")


def listed(change: Callable[[pb.ReportSummary], None]) -> str:
    (summary, *_) = (one for one in recorded_list() if one.campaign == "campaigns/coupon-popup")
    change(summary)
    view = portfolio_view([summary], language="en")
    return read_html(portfolio_page(view, link=lambda campaign: f"{campaign}.html")).text


def test_a_closed_campaign_is_no_task() -> None:
    assert "Closed 1" in listed(lambda summary: setattr(summary, "state", 4))


def test_broken_data_come_first_whatever_was_decided() -> None:
    def change(summary: pb.ReportSummary) -> None:
        summary.health = pb.HEALTH_STATUS_BROKEN
        summary.labels["owner"] = "María"

    text = listed(change)

    assert "Act now 1" in text
    assert "the data are broken" in text
    assert "Owner: María" in text


def test_a_campaign_without_a_verdict_is_listed() -> None:
    text = listed(lambda summary: summary.ClearField("verdict"))

    assert "Running or still measured 1" in text
    assert "Exit popup with a coupon" in text


@pytest.mark.parametrize("state", [0, 99])
def test_a_state_of_another_server_breaks_nothing(state: int) -> None:
    assert "Closed 1" in listed(lambda summary: setattr(summary, "state", state))


def test_an_empty_list_says_so() -> None:
    view = portfolio_view([], language="en")

    assert "No campaign has started yet." in portfolio_page(view, link=str)

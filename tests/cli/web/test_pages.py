"""The pages of `fairlift web`: what each address shows, in each language, and what it is asked."""

import csv
import io
import re
from html import unescape

import pytest
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import (
    CAMPAIGN_STATE_ARCHIVED,
    CAMPAIGN_STATE_PAUSED,
    CAMPAIGN_STATE_RUNNING,
    CAMPAIGN_STATE_STOPPED,
)
from fairlift_cli.report import campaign_view
from fairlift_cli.report.portfolio import portfolio_view
from fairlift_cli.web.server_reader import list_version
from fairlift_report.page import campaign_parts, portfolio_parts
from fairlift_stats.locale import LANGUAGES, text
from fairlift_stats.messages import Message

from tests.canned_server import CannedServer
from tests.cli.reports import report
from tests.cli.web.conftest import Visit, summary_of
from tests.report.recorded import recorded, recorded_list

PAGE = "/campaigns/free-shipping"


def add(canned: CannedServer, campaign: str, labels: dict[str, str], **differs: object) -> None:
    sent = report()
    sent.campaign, sent.display_name = f"campaigns/{campaign}", campaign.title()
    summary = summary_of(sent, **differs)
    summary.labels.update(labels)
    canned.publish(sent, summary)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_campaign_is_shown_in_the_language_of_the_address(visit: Visit, language: str) -> None:
    page = visit().get(f"{PAGE}?language={language}")

    assert page.status_code == 200
    assert f'<html lang="{language}"' in page.text
    # As tests/cli/reports.py has it.
    assert "Free earns more per visitor, and that is certain enough." in page.text
    assert text(Message.of("web.campaigns"), language) in page.text


@pytest.mark.parametrize(
    ("name", "language"),
    [("coupon-popup", "en"), ("birthday voucher for customers", "es"), ("cross-sell, day 1", "ro")],
)
def test_the_page_holds_the_parts_of_the_report_as_they_are(
    visit: Visit, canned: CannedServer, name: str, language: str
) -> None:
    """So the browser never says anything else than the file: both hold the same text."""
    said = recorded(name, language)
    canned.publish(said.report, summary_of(said.report), said.looks, said.campaign)
    view = campaign_view(said.report, language=language, looks=said.looks, campaign=said.campaign)
    path = f"/{said.report.campaign}"

    page = visit().get(f"{path}?language={language}").text
    file = visit().get(f"{path}/report.html?language={language}").text

    parts = str(campaign_parts(view))
    assert said.report.verdict.sentence in unescape(parts)
    assert same_clips(parts) in same_clips(page)
    assert same_clips(parts) in same_clips(file)


def same_clips(page: str) -> str:
    """Without the numbers of clips, which pictures draw anew each time."""
    return re.sub(r"\bclip\d+", "clip", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_holds_the_parts_of_the_file_as_they_are(
    visit: Visit, canned: CannedServer, language: str
) -> None:
    canned.clear()
    summaries = recorded_list(language)
    campaigns = []
    for summary in summaries:
        # Recorded after the end; while they run, they may share visitors.
        summary.state, summary.last_day = CAMPAIGN_STATE_RUNNING, 0
        said = recorded(summary.campaign.removeprefix("campaigns/"), language)
        assert said.campaign is not None
        said.campaign.state = CAMPAIGN_STATE_RUNNING
        campaigns.append(said.campaign)
        canned.publish(said.report, summary, campaign=said.campaign)
    view = portfolio_view(summaries, language=language, campaigns=campaigns)
    assert view.shared is not None

    page = visit().get(f"/?language={language}").text

    assert str(portfolio_parts(view, link=lambda campaign: f"/campaigns/{campaign}")) in page


def test_choices_are_kept_without_a_script(visit: Visit) -> None:
    browser = visit()

    browser.get(f"{PAGE}?language=ro&theme=dark")
    later = browser.get("/")

    assert '<html lang="ro" data-theme="dark">' in later.text


def test_the_version_of_the_list_is_the_same_in_every_language() -> None:
    versions = {list_version(recorded_list(language)) for language in LANGUAGES}
    other = recorded_list("en")
    other[0].units += 1

    assert len(versions) == 1
    assert list_version(other) not in versions


def test_the_style_is_no_html(visit: Visit) -> None:
    sheet = visit().get("/assets/page.css").text

    assert "&" not in sheet
    assert '[aria-current="true"]' in sheet


@pytest.mark.parametrize(
    ("preferred", "language"),
    [
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("de,ro;q=0.5", "ro"),
        ("de", "en"),
        ("", "en"),
        # The order does not count, the weight does; 0 is a refusal, and nonsense is no wish.
        ("en;q=0.3, ro;q=0.8, es;q=0.5", "ro"),
        ("de, es;q=0", "en"),
        ("es;q=hello, ro", "ro"),
    ],
)
def test_the_browser_is_asked_for_its_language(visit: Visit, preferred: str, language: str) -> None:
    page = visit().get("/", headers={"accept-language": preferred})

    assert f'<html lang="{language}"' in page.text


@pytest.mark.parametrize("query", ["?language=xx&theme=pink", "?language=%00&theme=", "?state=x"])
def test_what_is_no_choice_changes_nothing(visit: Visit, query: str) -> None:
    page = visit().get(f"/{query}")

    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert "free-shipping" in page.text


def test_a_switch_keeps_the_rest_of_the_address(visit: Visit, canned: CannedServer) -> None:
    add(canned, "spring", {"team": "growth & co"})

    page = visit().get("/?state=running&label=team%3A+growth+%26+co").text

    assert "?state=running&amp;label=team%3A+growth+%26+co&amp;theme=dark" in page
    assert "?state=running&amp;label=team%3A+growth+%26+co&amp;language=es" in page


def test_the_list_is_filtered_by_state_and_label(visit: Visit, canned: CannedServer) -> None:
    add(canned, "spring", {"team": "growth"})
    add(canned, "summer", {"team": "growth"}, state=CAMPAIGN_STATE_PAUSED)
    add(canned, "autumn", {"team": "search"})
    add(canned, "winter", {}, state=CAMPAIGN_STATE_ARCHIVED)

    def shown(query: str) -> set[str]:
        page = visit().get(f"/{query}").text
        return set(re.findall(r'href="/campaigns/([\w-]+)"', page))

    assert shown("") == {"free-shipping", "spring", "summer", "autumn"}
    assert shown("?state=paused") == {"summer"}
    assert shown("?state=archived") == {"winter"}
    # News are of the other campaigns: with them the page would be read again at once.
    assert "data-events" not in visit().get("/?state=archived").text
    assert "data-events" in visit().get("/?state=paused").text
    assert shown("?label=team%3A+growth") == {"spring", "summer"}
    assert shown("?label=team%3A+growth&state=running") == {"spring"}
    assert shown("?label=nothing") == set()


def test_a_campaign_whose_entry_is_over_does_not_run(visit: Visit, canned: CannedServer) -> None:
    add(canned, "measured", {}, day=20, last_day=24)
    add(canned, "over", {}, day=24, last_day=24)
    add(canned, "stopped", {}, state=CAMPAIGN_STATE_STOPPED, last_day=24)

    def shown(query: str) -> set[str]:
        return set(re.findall(r'href="/campaigns/([\w-]+)"', visit().get(f"/{query}").text))

    assert shown("?state=running") == {"free-shipping"}
    assert shown("?state=ended") == {"measured", "over"}
    assert shown("?state=stopped") == {"stopped"}
    assert {"measured", "over", "stopped"} < shown("")
    assert 'href="?state=ended">ended' in visit().get("/").text


def test_only_campaigns_that_visitors_enter_are_said_to_share_them() -> None:
    summaries = recorded_list()
    stored = [recorded(each.campaign.removeprefix("campaigns/")).campaign for each in summaries]
    campaigns = [each for each in stored if each is not None]
    for summary, campaign in zip(summaries, campaigns, strict=True):
        summary.state = campaign.state = CAMPAIGN_STATE_RUNNING
        summary.last_day = 0
    every = portfolio_view(summaries, language="en", campaigns=campaigns).shared

    summaries[0].last_day = 21
    shared = portfolio_view(summaries, language="en", campaigns=campaigns).shared

    assert every is not None
    assert shared is not None
    assert len(shared.groups[0].rows) == len(every.groups[0].rows) - 1 == 2


def test_no_campaign_causes_a_call_of_its_own(visit: Visit, canned: CannedServer) -> None:
    for number in range(20):
        add(canned, f"campaign-{number}", {})

    page = visit().get("/").text

    assert canned.calls == ["ListReports"]
    assert "is shown while at most 12 run; 21 run now." in page
    assert "21 run now" not in visit().get("/?state=running").text


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/campaigns/nope", "There is no such campaign"),
        (f"{PAGE}?epoch=7", "There is no such campaign"),
        (f"{PAGE}?epoch=x", "There is no such page"),
        (f"{PAGE}?epoch=99999999999", "There is no such page"),
        ("/campaigns/a%2Fb", "There is no such page"),
        ("/campaigns/%3Cscript%3E", "There is no such page"),
        ("/campaigns/" + "x" * 300, "There is no such page"),
        (f"{PAGE}/results.exe", "There is no such page"),
        ("/nothing", "There is no such page"),
        (f"{PAGE}/", "There is no such page"),
    ],
)
def test_what_is_not_there_has_a_page_that_says_so(visit: Visit, path: str, title: str) -> None:
    page = visit().get(path)

    assert page.status_code == 404
    assert f"<h1>{title}</h1>" in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refused_token_has_a_page_and_the_token_is_nowhere(
    visit: Visit, canned: CannedServer, language: str
) -> None:
    canned.token = "open-sesame"

    page = visit().get(f"{PAGE}?language={language}")

    assert page.status_code == 403
    assert text(Message.of("web.token_refused"), language) in page.text
    assert "FAIRLIFT_TOKEN" in page.text
    assert "sesame" not in page.text


def test_a_server_that_is_away_has_a_page_that_goes_on_by_itself(
    visit: Visit, canned: CannedServer
) -> None:
    canned.stop()
    try:
        page = visit().get(PAGE)
    finally:
        canned.start()

    assert page.status_code == 503
    assert "<h1>The server does not answer</h1>" in page.text
    assert f'data-events="{PAGE}/events"' in page.text
    assert canned.address not in page.text


def test_a_mistake_of_ours_has_a_page_too(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("fairlift_cli.web.web_application.campaign_markup", fails)

    page = visit().get(PAGE)

    assert page.status_code == 500
    assert "<h1>This page failed</h1>" in page.text
    assert "secret" not in page.text


def test_figures_can_be_taken_along(visit: Visit) -> None:
    browser = visit()

    table = browser.get(f"{PAGE}/results.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    book = browser.get(f"{PAGE}/results.xlsx")
    figures = browser.get(f"{PAGE}/results.json").json()
    file = browser.get(f"{PAGE}/report.html")

    assert table.headers["content-disposition"] == 'attachment; filename="free-shipping.csv"'
    assert len(rows) == len(figures)
    assert {row["campaign"] for row in rows} == {"free-shipping"}
    assert book.content.startswith(b"PK")
    assert file.headers["content-disposition"] == 'attachment; filename="free-shipping.html"'
    assert "Free earns more per visitor, and that is certain enough." in file.text


HOSTILE = '"><script>alert(1)</script>\u202e javascript:alert(1) {{7*7}} ' + "x" * 300


def test_names_from_outside_are_text(visit: Visit, canned: CannedServer) -> None:
    sent = report()
    sent.display_name = sent.totals[0].display_name = HOSTILE
    sent.verdict.sentence = HOSTILE
    summary = summary_of(sent)
    summary.labels[HOSTILE] = HOSTILE
    canned.publish(sent, summary)

    for path in ("/", PAGE, f"/?label={HOSTILE}"):
        page = visit().get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert 'href="javascript' not in page.text
        assert "{{7*7}}" in page.text or path == "/"
        # It would turn the title of the window round.
        assert "\u202e" not in page.text


def test_an_older_server_and_an_empty_report_have_pages(visit: Visit, canned: CannedServer) -> None:
    old = pb.ReportSummary(campaign="campaigns/old", state=CAMPAIGN_STATE_PAUSED)
    canned.publish(pb.Report(campaign="campaigns/old"), old)

    assert visit().get("/campaigns/old").status_code == 200
    assert 'href="/campaigns/old"' in visit().get("/").text


def test_a_filter_that_nothing_matches_says_so_with_a_way_out(visit: Visit) -> None:
    page = visit().get("/?state=paused").text

    assert "No campaign matches the filter." in page
    assert 'href="/">All campaigns</a>' in page


def test_a_server_without_campaigns_has_a_list(visit: Visit, canned: CannedServer) -> None:
    canned.clear()

    assert visit().get("/").status_code == 200

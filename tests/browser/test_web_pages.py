"""Every page of `fairlift web` in a browser: screens, languages, colours, and news that arrive."""

from collections.abc import Iterator

import pytest
from fairlift_stats.locale import LANGUAGES
from playwright.sync_api import Browser, expect

from tests.browser.looking import Window, faults
from tests.canned_server import CannedServer
from tests.cli.reports import report
from tests.cli.web.conftest import summary_of
from tests.report.recorded import recorded

PAGE = "/campaigns/free-shipping"
# A campaign of the demo, over its 28 days.
DEMO = "coupon-popup"
HOSTILE = '"><script>alert(1)</script>\u202e ' + "Unbreakable" * 30


@pytest.fixture
def shop(canned: CannedServer) -> CannedServer:
    """Some campaigns, one of them with names that attack or do not fit."""
    canned.clear()
    canned.publish(report(), summary_of(report()))
    said = recorded(DEMO)
    canned.publish(said.report, summary_of(said.report), said.looks, said.campaign)
    for number, (name, team) in enumerate(
        [("Spring sale", "growth"), ("Summer", "search"), (HOSTILE, HOSTILE)]
    ):
        sent = report()
        sent.campaign, sent.display_name = f"campaigns/campaign-{number}", name
        summary = summary_of(sent)
        summary.labels["team"] = team
        canned.publish(sent, summary)
    return canned


@pytest.fixture
def window(chromium: Browser) -> Iterator[Window]:
    found = Window(chromium)
    yield found
    found.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/", f"/campaigns/{DEMO}", "/campaigns/campaign-2"])
@pytest.mark.usefixtures("shop")
def test_a_page_is_sound_on_every_screen(
    web: str, window: Window, path: str, language: str
) -> None:
    window.page.goto(f"{web}{path}?language={language}")

    assert [*faults(window, web)] == []
    assert window.page.locator("html").get_attribute("lang") == language
    assert window.page.get_by_role("link", name="Fairlift").count() == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_of_an_error_is_sound_on_every_screen(
    shop: CannedServer, web: str, window: Window, language: str
) -> None:
    wrong: list[str] = []
    window.page.goto(f"{web}/campaigns/nope?language={language}")
    wrong += faults(window, web)
    shop.token = "another"
    window.page.goto(f"{web}{PAGE}")
    wrong += faults(window, web)
    shop.stop()
    try:
        window.page.goto(f"{web}{PAGE}")
        wrong += faults(window, web)
    finally:
        shop.start()

    # Chromium itself writes down each answer above 399.
    assert [one for one in wrong if "the server responded with a status of" not in one] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("shop")
def test_colours_can_be_chosen_against_the_device(web: str, window: Window, theme: str) -> None:
    window.page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    window.page.goto(web)
    before = window.page.evaluate(_BACKGROUND)

    window.page.get_by_role("navigation", name="Colours").get_by_text(theme.title()).click()
    after = window.page.evaluate(_BACKGROUND)
    window.page.goto(f"{web}{PAGE}")

    assert before != after
    assert window.page.evaluate(_BACKGROUND) == after
    assert sum(after) / 3 < 90 if theme == "dark" else sum(after) / 3 > 200


# Red, green and blue of what stands behind the page's content.
_BACKGROUND = """() => {
  let element = document.querySelector("main");
  let colour = "rgba(0, 0, 0, 0)";
  while (element && colour === "rgba(0, 0, 0, 0)") {
    colour = getComputedStyle(element).backgroundColor;
    element = element.parentElement;
  }
  return colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
}"""


def test_news_arrive_and_what_is_open_stays_open(
    shop: CannedServer, web: str, window: Window
) -> None:
    page = window.page
    page.goto(f"{web}{PAGE}")
    page.locator("details summary").first.click()
    expect(page.get_by_text("Show it to everybody.")).to_be_visible()

    newer = report()
    newer.look.number = 6
    newer.verdict.action = "Show it to all from Monday on."
    shop.publish(newer, summary_of(newer))

    expect(page.get_by_text("Show it to all from Monday on.").first).to_be_visible(timeout=10_000)
    assert page.locator("details").first.get_attribute("open") is not None
    assert window.console == []


def test_a_server_that_starts_again_is_found_again(
    shop: CannedServer, web: str, window: Window
) -> None:
    page = window.page
    page.goto(f"{web}{PAGE}")
    lost = page.get_by_text("The server cannot be reached.")
    expect(lost).to_be_hidden()

    shop.stop()
    try:
        expect(lost).to_be_visible(timeout=10_000)
        # What was read stays.
        expect(page.get_by_text("Show it to everybody.").first).to_be_visible()
    finally:
        shop.start()

    expect(lost).to_be_hidden(timeout=15_000)


def test_a_page_that_was_opened_without_a_server_continues(
    shop: CannedServer, web: str, window: Window
) -> None:
    shop.stop()
    try:
        window.page.goto(f"{web}{PAGE}")
        title = window.page.get_by_role("heading", name="The server does not answer")
        expect(title).to_be_visible()
    finally:
        shop.start()

    shown = window.page.get_by_text("Show it to everybody.").first
    expect(shown).to_be_visible(timeout=15_000)


@pytest.mark.usefixtures("shop")
def test_filters_are_in_the_address_and_the_back_button_works(web: str, window: Window) -> None:
    page = window.page
    page.goto(web)
    page.get_by_label("Label").select_option("team: growth")
    page.get_by_role("button", name="Show").click()
    assert "label=team%3A+growth" in page.url
    page.get_by_role("link", name="Running").click()
    assert "state=running" in page.url
    assert "label=team%3A+growth" in page.url
    expect(page.locator('a[href="/campaigns/campaign-1"]')).to_have_count(0)

    page.locator('a[href="/campaigns/campaign-0"]').first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Spring sale")
    page.go_back()

    assert "state=running" in page.url
    expect(page.locator('a[href="/campaigns/campaign-0"]').first).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator('a[href="/campaigns/campaign-1"]').first).to_be_visible()


@pytest.mark.usefixtures("shop")
def test_without_scripts_everything_can_be_read_and_chosen(web: str, chromium: Browser) -> None:
    window = Window(chromium, scripts=False)
    page = window.page
    try:
        page.goto(f"{web}/?label=team%3A+growth")
        page.locator('a[href="/campaigns/campaign-0"]').first.click()
        page.get_by_role("link", name="Español").click()
        page.get_by_role("link", name="Oscuro").click()

        assert page.locator("html").get_attribute("lang") == "es"
        assert page.locator("html").get_attribute("data-theme") == "dark"
        expect(page.get_by_text("Show it to everybody.").first).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        assert download.value.suggested_filename == "campaign-0.csv"
    finally:
        window.close()

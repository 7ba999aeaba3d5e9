"""Looks at a page as a reader with each screen would, and lists all that is wrong with it."""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has none
from playwright.sync_api import Browser, Page

WIDTHS = (360, 768, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_AXE = Axe()
_AXE_RUN = """axe.run({
  resultTypes: ["violations"], rules: {"color-contrast": {enabled: %s}},
}).then((results) => results.violations)"""
# What sticks out of the window to the right, unless it can be scrolled to.
_OVERFLOW = """() => {
  const scrolls = (element) => {
    for (let e = element.parentElement; e; e = e.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const wide = document.documentElement.scrollWidth > window.innerWidth + 1;
  const out = [...document.body.querySelectorAll("*")].filter((e) =>
    e.getBoundingClientRect().right > window.innerWidth + 1 && !scrolls(e));
  return wide || out.length
    ? [`${document.documentElement.scrollWidth} px`, ...out.slice(0, 3).map((e) =>
        `${e.tagName}.${e.getAttribute("class")}: ${e.textContent.trim().slice(0, 40)}`)]
    : [];
}"""


class Window:
    """A browser window that notes what a page writes to the console and asks the network for."""

    def __init__(self, chromium: Browser, *, scripts: bool = True) -> None:
        self._context = chromium.new_context(java_script_enabled=scripts)
        self.page: Page = self._context.new_page()
        self.console: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def elsewhere(self, own: str) -> list[str]:
        """Requests that did not go to the page's own server."""
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme != "data" and not url.startswith(own)
        ]

    def close(self) -> None:
        self._context.close()


def faults(window: Window, own: str, *, contrast: bool = True) -> Iterator[str]:
    """What is wrong with the page that is open, on each screen, in light and dark.

    Contrast takes most of the time. It is looked at in every language on a phone, where words
    cover most, and in English on wider screens, too.

    Args:
        window: with the page.
        own: where its requests may go.
        contrast: whether it is looked at.
    """
    page = window.page
    is_english = page.locator("html").get_attribute("lang") == "en"
    page.evaluate(_AXE.axe_script)
    # What is folded is looked at too.
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            where = f"{page.url} {width} px {scheme}"
            for what in page.evaluate(_OVERFLOW):
                yield f"{where}: sticks out: {what}"
            has_contrast = contrast and (is_english or width == min(WIDTHS))
            for violation in page.evaluate(_AXE_RUN % str(has_contrast).lower()):
                nodes = [node["html"][:120] for node in violation["nodes"][:3]]
                yield f"{where}: {violation['id']}: {violation['help']}: {nodes}"
    yield from (f"{page.url}: console: {message}" for message in window.console)
    yield from (f"{page.url}: asks elsewhere: {url}" for url in window.elsewhere(own))

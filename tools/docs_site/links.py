"""What is wrong with a built site: links that lead nowhere, and requests to other places."""

from collections.abc import Container, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["site_faults"]

# What a browser fetches by itself; a link is followed by the reader alone.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        is_address = tag == "link" and values.get("rel") in ("canonical", "prev", "next")
        if tag in FETCHED and FETCHED[tag] in values and not is_address:
            self.fetched.append(values[FETCHED[tag]])


def site_faults(site: Path) -> list[str]:
    """A sentence for each fault."""
    site = site.resolve()
    pages = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(site)
        faults += [
            f"{name}: fetches {address} from another place"
            for address in page.fetched
            if urlsplit(address).netloc
        ]
        for address in (*page.links, *page.fetched):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or name.name == "404.html":
                continue
            target = _target(path, unquote(parts.path))
            if not target.is_file():
                faults.append(f"{name}: {address} leads nowhere")
            elif parts.fragment and unquote(parts.fragment) not in _ids(pages, target):
                faults.append(f"{name}: {address} names a heading that is not there")
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        if "url(http" in text or "@import" in text:
            faults.append(f"{path.relative_to(site)}: fetches from another place")
    return faults


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _ids(pages: Mapping[Path, _Page], target: Path) -> Container[str]:
    """The ids that a link may name; what is no page has none."""
    return pages[target].ids if target in pages else ()


def _target(page: Path, address: str) -> Path:
    if not address:
        return page
    path = Path(page.parent / address).resolve()
    return path / "index.html" if path.is_dir() else path

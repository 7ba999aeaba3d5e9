"""One headless Chromium, one server with hand-written reports, and the pages that follow it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.canned_server import CannedServer, canned_server

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: looks at pages in headless Chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


def chromium_path() -> str:
    """Where Chromium is: CHROMIUM, or Debian's; empty where there is none."""
    named = os.environ.get("CHROMIUM", "")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or ""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    # Not of the session: while Playwright runs, its event loop stands in the way of other tests'.
    if not (path := chromium_path()):
        pytest.skip("Chromium is not installed: pages are not looked at (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(_FLAGS), chromium_sandbox=False
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def canned() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


@pytest.fixture(scope="package")
def web(canned: CannedServer) -> Iterator[str]:
    """Where `fairlift web` shows the reports of `canned`, without a slash at the end."""
    command = [sys.executable, "-m", "fairlift_cli", "web", "--server", canned.address,
               "--listen", "127.0.0.1:0", "--no-open"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://[^/\s]+", process.stdout.readline())
        assert found
        yield found[0]
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()

"""One server with hand-written reports, and the pages that follow it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fairlift.channel_options import DEFAULT_OPTIONS
from fairlift.v1 import results_service_pb2 as pb
from fairlift.v1.campaign_pb2 import CAMPAIGN_STATE_RUNNING
from fairlift_cli.server_connection import Target, connected
from fairlift_cli.web.server_reader import ServerReader
from fairlift_cli.web.web_application import web_application
from fairlift_cli.web.web_settings import WebSettings, web_settings
from starlette.types import ASGIApp

from tests.canned_server import CannedServer
from tests.cli.reports import report


class Visitor:
    """Reads pages, and keeps their cookies."""

    def __init__(self, app: ASGIApp, host: str, peer: str, runner: asyncio.Runner) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 50_000))
        self._client = httpx.AsyncClient(transport=transport, base_url=f"http://{host}")
        self._runner = runner

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))


Visit = Callable[..., Visitor]


@pytest.fixture
def canned(shop: CannedServer) -> CannedServer:
    """The server with one campaign, free-shipping."""
    shop.clear()
    shop.publish(report(), summary_of(report()))
    shop.calls.clear()
    return shop


@pytest.fixture
def visit(canned: CannedServer) -> Iterator[Visit]:
    """A browser of the pages, with the settings that are given."""
    with (
        asyncio.Runner() as runner,
        connected(Target(canned.address), options=DEFAULT_OPTIONS) as server,
    ):

        def visitor(
            settings: WebSettings | None = None, *, peer: str = "127.0.0.1", host: str = "127.0.0.1"
        ) -> Visitor:
            app = web_application(ServerReader(server), settings or web_settings("127.0.0.1:0"))
            return Visitor(app, host, peer, runner)

        yield visitor


def summary_of(sent: pb.Report, **differs: object) -> pb.ReportSummary:
    """What lists say of a report."""
    summary = pb.ReportSummary(
        campaign=sent.campaign, display_name=sent.display_name, epoch=sent.epoch or 1,
        state=CAMPAIGN_STATE_RUNNING, day=5, maximum_days=21, units=30_024, planned_units=60_000,
        verdict=sent.verdict,
    )  # fmt: skip
    for name, value in differs.items():
        setattr(summary, name, value)
    return summary

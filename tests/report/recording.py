"""Records what a server says of campaigns: `python -m tests.report.recording`.

The demo's campaigns and the eight of the domain. The reports are input of the tests, so that pages
can be made without a server and hours of history.
"""

import io
import random
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import grpc
import numpy as np
from fairlift import Client
from fairlift.v1.campaign_service_pb2 import GetCampaignRequest
from fairlift.v1.event_service_pb2 import EVENT_STATUS_ACCEPTED, RecordEventsRequest
from fairlift.v1.event_service_pb2_grpc import EventServiceStub
from fairlift.v1.results_service_pb2 import (
    GetResultsRequest,
    ListLooksResponse,
    ListReportsResponse,
)
from fairlift_cli.__main__ import main as fairlift
from fairlift_cli.all_results import all_reports
from fairlift_cli.looks_command import all_looks
from fairlift_cli.server_connection import (
    RESULTS_TIMEOUT_S,
    ServerConnection,
    Target,
    connected,
    full_name,
)
from fairlift_stats.locale import LANGUAGES

from examples.demo.shop import CURRENCY, Shop
from examples.demo.truth import TRUTH
from examples.server import running_server, start_in_the_past
from tests.scenarios.campaigns import SCENARIOS, Scenario
from tests.scenarios.shop import START, history

RECORDED = Path(__file__).parent / "recorded.tar.xz"
_SEED = 20_260_302
_VISITORS, _DAYS = 30_000, 28
# Days of the demo on which its campaigns are looked at, beside the end.
_EARLY = (1, 12)
_GROUP = 500


def main() -> None:
    """Writes the archive anew."""
    files = sorted((*_demo(), *_scenarios()))
    with tarfile.open(RECORDED, "w:xz", preset=9) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    print(f"{RECORDED.stat().st_size:,} bytes in {RECORDED.name}")


def _demo() -> Iterator[tuple[str, bytes]]:
    with running_server(currency=CURRENCY) as address:
        fairlift(["apply", "examples/campaigns", "--server", address], standalone_mode=False)
        today = datetime.now(ZoneInfo("Europe/Madrid")).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        start = (today - timedelta(days=_DAYS)).astimezone(UTC)
        start_in_the_past(address, TRUTH, start)
        with connected(Target(address)) as server, Client(address) as client:
            assert client.wait_ready(10)
            shop = Shop(client, random.Random(20_260), start, _DAYS, _VISITORS)
            for day in range(_DAYS):
                shop.simulate_day(day)
                assert client.flush(30)
                if day in _EARLY:
                    for campaign in TRUTH:
                        yield from _said(server, campaign, f"{campaign}, day {day}")
            for campaign in TRUTH:
                yield from _said(server, campaign, campaign)
            for language in LANGUAGES:
                reports = ListReportsResponse(reports=all_reports(server, language=language))
                yield f"all/{language}.reports", reports.SerializeToString()


def _scenarios() -> Iterator[tuple[str, bytes]]:
    for title, scenario in SCENARIOS.items():
        # Each shop has units of the same names.
        with running_server(currency="EUR") as address, TemporaryDirectory() as folder:
            campaign = _sent(address, scenario, Path(folder))
            with connected(Target(address)) as server:
                yield from _said(server, campaign, title)


def _sent(address: str, scenario: Scenario, folder: Path) -> str:
    """The id of the campaign, whose history the server has."""
    file = folder / "campaign.yaml"
    file.write_text(scenario.file, encoding="utf-8")
    fairlift(["apply", str(file), "--server", address], standalone_mode=False)
    campaign = scenario.file.partition("campaign:")[2].split()[0]
    start_in_the_past(address, [campaign], START)
    rng = np.random.default_rng(_SEED)
    events = list(
        history(
            rng, campaign, scenario.behaviours, units=scenario.units, days=scenario.days,
            returning=scenario.returning,
        )
    )  # fmt: skip
    events.sort(key=lambda event: event.event_time.ToNanoseconds())
    with grpc.insecure_channel(address) as channel:
        stub = EventServiceStub(channel)
        for first in range(0, len(events), _GROUP):
            request = RecordEventsRequest(events=events[first : first + _GROUP])
            outcomes = stub.RecordEvents(request).outcomes
            refused = [one for one in outcomes if one.status != EVENT_STATUS_ACCEPTED]
            assert not refused, refused[0]
    return campaign


def _said(server: ServerConnection, campaign: str, title: str) -> Iterator[tuple[str, bytes]]:
    """The report in each language, the looks, and the campaign itself."""
    for language in LANGUAGES:
        request = GetResultsRequest(name=full_name(campaign), language=language)
        report = server.call(server.results.GetResults, request, timeout_s=RESULTS_TIMEOUT_S)
        yield f"{title}/{language}.report", report.SerializeToString(deterministic=True)
    looks = ListLooksResponse(looks=all_looks(server, campaign))
    yield f"{title}/looks", looks.SerializeToString(deterministic=True)
    stored = server.call(server.campaigns.GetCampaign, GetCampaignRequest(name=full_name(campaign)))
    yield f"{title}/campaign", stored.SerializeToString(deterministic=True)


if __name__ == "__main__":
    main()

"""What operators see: figures that are those of the calls that were made, and no ids in them."""

import asyncio
import socket
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from fairlift.engine.errors import Overloaded, WrongState
from fairlift.v1 import assignment_service_pb2, results_service_pb2
from fairlift.v1.campaign_service_pb2 import ListCampaignsRequest
from fairlift_server.api import call_classes
from fairlift_server.api.call_rooms import CallRooms
from fairlift_server.api.certificate import read_certificate
from fairlift_server.build import serving
from fairlift_server.campaigns.lifecycle import CampaignLifecycle
from fairlift_server.monitoring.loop_lag import LoopLag
from fairlift_server.monitoring.monitor import worker_address
from fairlift_server.store.database import Store
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client.parser import text_string_to_metric_families

from tests.server import shop
from tests.server.client import Caller, Clock, running, settings_of

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def fetched(address: str, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://{address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def page(address: str, path: str, method: str = "GET") -> tuple[int, str]:
    return await asyncio.to_thread(fetched, address, path, method)


def figures(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(found: Figures, name: str, **labels: str) -> float:
    """A figure that there is."""
    return found[name, frozenset(labels.items())]


async def assign(caller: Caller, visitor: str) -> None:
    await caller.assignments.AssignVariants(
        assignment_service_pb2.AssignVariantsRequest(visitor_id=visitor)
    )


async def test_figures_are_those_of_the_calls_that_were_made(tmp_path: Path) -> None:
    http = free_address()
    async with running(tmp_path, http=http) as caller:
        await caller.start(shop.campaign())
        for number in range(7):
            await assign(caller, f"visitor-{number}")
        seen = shop.exposure("v", "free")
        await caller.record(seen, shop.order("v", "o-1"), shop.action("v", "view"))
        await caller.record(seen, shop.action("v", "Not an action"))
        await caller.record(
            shop.refund("o-1", 1.0), shop.exposure("v", "free", campaign="campaigns/other")
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await caller.results.GetResults(
                results_service_pb2.GetResultsRequest(name="campaigns/none")
            )
        watch = caller.assignments.WatchSnapshot(assignment_service_pb2.WatchSnapshotRequest())
        await watch.read()
        status, text = await page(http, "/metrics")
        found = figures(text)
        watch.cancel()
        while figure(
            figures((await page(http, "/metrics"))[1]),
            "fairlift_open_streams",
            method="/fairlift.v1.AssignmentService/WatchSnapshot",
        ):
            await asyncio.sleep(0.05)

    def calls(service: str, code: str) -> float:
        return figure(
            found, "fairlift_call_seconds_count", method=f"/fairlift.v1.{service}", code=code
        )

    def events(kind: str, outcome: str) -> float:
        return figure(found, "fairlift_events_total", kind=kind, outcome=outcome)

    assert status == 200
    assert calls("AssignmentService/AssignVariants", "OK") == 7
    assert calls("EventService/RecordEvents", "OK") == 3
    assert calls("CampaignService/StartCampaign", "OK") == 1
    assert calls("ResultsService/GetResults", "NOT_FOUND") == 1
    with pytest.raises(KeyError):
        calls("ResultsService/GetResults", "OK")
    watching = {"method": "/fairlift.v1.AssignmentService/WatchSnapshot"}
    assert figure(found, "fairlift_open_streams", **watching) == 1
    assert events("exposure", "accepted") == 1
    assert events("exposure", "duplicate") == 1
    assert events("order", "accepted") == 1
    assert events("action", "accepted") == 1
    assert events("action", "refused_invalid") == 1
    assert events("amendment", "accepted") == 1
    assert events("exposure", "waiting") == 1  # its campaign may come
    assert figure(found, "fairlift_commit_seconds_count", result="stored") == 3
    assert figure(found, "fairlift_commit_events_sum") == 3 + 1 + 2
    assert figure(found, "fairlift_campaigns") == 1
    assert figure(found, "fairlift_ready") == 1
    assert figure(found, "fairlift_waiting_events") == 0


async def test_looks_are_counted_when_they_are_written_down(tmp_path: Path) -> None:
    http = free_address()
    async with running(tmp_path, http=http) as caller:
        campaign = await caller.start(shop.campaign())
        await caller.accepted([shop.exposure("v", "free")])
        caller.clock.ahead = timedelta(days=6)
        name = campaign.name
        await caller.results.GetResults(results_service_pb2.GetResultsRequest(name=name))
        listed = await caller.results.ListLooks(results_service_pb2.ListLooksRequest(name=name))
        found = figures((await page(http, "/metrics"))[1])

    assert len(listed.looks) >= 4
    assert figure(found, "fairlift_looks_total") == len(listed.looks)


async def test_no_label_names_a_visitor_an_order_or_a_campaign(tmp_path: Path) -> None:
    http = free_address()
    async with running(tmp_path, http=http, raw_ids=True) as caller:
        await caller.start(shop.campaign("planted-campaign"))
        await assign(caller, "planted-visitor")
        await caller.record(
            shop.exposure("planted-visitor", "free", campaign="campaigns/planted-campaign"),
            shop.order("planted-visitor", "planted-order"),
            shop.action("planted-visitor", "planted_action"),
        )
        _, text = await page(http, "/metrics")
    assert "fairlift_events_total" in text
    assert "planted" not in text


async def test_ready_until_it_drains_and_alive_all_the_time(tmp_path: Path) -> None:
    http = free_address()
    async with running(tmp_path, http=http, drain_delay_s=1.0):
        assert await page(http, "/readyz") == (200, "ok\n")
        assert await page(http, "/healthz") == (200, "ok\n")
        draining = asyncio.create_task(_while_draining(http))
    assert await draining == ((503, "it is shutting down\n"), (200, "ok\n"))
    with pytest.raises(OSError, match="refused"):
        await page(http, "/healthz")


async def _while_draining(http: str) -> tuple[tuple[int, str], tuple[int, str]]:
    await asyncio.sleep(0.3)
    return await page(http, "/readyz"), await page(http, "/healthz")


async def test_not_ready_while_no_event_can_be_taken(tmp_path: Path) -> None:
    http = free_address()
    settings = settings_of(
        {"listen": "127.0.0.1:0", "http": http, "database": str(tmp_path / "shop.db")}
    )
    async with serving(settings, clock=Clock()) as server:
        await server.set_writable(False, False)
        assert await page(http, "/readyz") == (503, "the database cannot be written\n")
        assert figure(figures((await page(http, "/metrics"))[1]), "fairlift_ready") == 0
        await server.set_writable(False, True)  # the journal takes them
        assert (await page(http, "/readyz"))[0] == 200


async def test_the_end_of_the_certificate_is_that_of_the_newest(tmp_path: Path) -> None:
    http = free_address()
    pems = Path(__file__).parents[1] / "client" / "certificates"
    tls = {"tls_certificate": str(pems / "ended.pem"), "tls_key": str(pems / "localhost.key")}
    settings = settings_of(
        {"listen": "127.0.0.1:0", "http": http, "database": str(tmp_path / "shop.db"), **tls}
    )
    name = "fairlift_certificate_end_seconds"
    async with serving(settings, clock=Clock()) as server:
        first = figure(figures((await page(http, "/metrics"))[1]), name)
        newer = str(pems / "shop.example.pem"), str(pems / "shop.example.key")
        server.replace_certificate(read_certificate(*newer))
        second = figure(figures((await page(http, "/metrics"))[1]), name)
    async with running(tmp_path, http=http):
        without = figures((await page(http, "/metrics"))[1])

    assert first == datetime(2025, 4, 1, tzinfo=UTC).timestamp()
    assert second > first
    assert (name, frozenset()) not in without


async def test_unwell_for_good_once_nothing_stores_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    http = free_address()
    async with running(tmp_path, http=http) as caller:
        health = HealthStub(caller.channel)
        monkeypatch.setattr("fairlift_server.build.store_group", end)
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await caller.record(shop.action("v", "view"))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        monkeypatch.undo()
        async with asyncio.timeout(10):
            while (await page(http, "/readyz"))[0] == 200:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # the database is tried again, and is well
        pages = [await page(http, path) for path in ("/healthz", "/readyz")]
        service = HealthCheckRequest(service="fairlift.v1.EventService")
        answer = await health.Check(service)  # type: ignore[attr-defined]  # missing from its stubs
        status = answer.status

    assert [status for status, _ in pages] == [503, 503]
    assert all("restart the server" in text for _, text in pages)
    assert status == HealthCheckResponse.NOT_SERVING


async def test_pages_say_that_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = free_address()
    pages: list[tuple[int, str]] = []
    migrate = Store.migrate

    def watched(store: Store, *arguments: Any) -> None:
        pages.extend(fetched(http, path) for path in ("/healthz", "/readyz"))
        migrate(store, *arguments)

    monkeypatch.setattr(Store, "migrate", watched)
    async with running(tmp_path, http=http):
        pass

    assert pages == [(200, "ok\n"), (503, "it has not started yet\n")]


async def test_other_pages_and_methods_are_refused(tmp_path: Path) -> None:
    http = free_address()
    async with running(tmp_path, http=http):
        assert await page(http, "/") == (404, "there are /metrics, /healthz, /readyz\n")
        assert await page(http, "/metrics", "POST") == (405, "only GET is answered\n")
        assert await page(http, "/healthz", "HEAD") == (200, "")


async def test_callers_that_send_nothing_keep_no_one_waiting(tmp_path: Path) -> None:
    http = free_address()
    host, _, port = http.rpartition(":")
    async with running(tmp_path, http=http):
        silent = [socket.create_connection((host, int(port))) for _ in range(20)]
        try:
            assert (await page(http, "/healthz"))[0] == 200
        finally:
            for connection in silent:
                connection.close()


async def test_an_address_that_is_taken_ends_the_start_and_frees_the_database(
    tmp_path: Path,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(WrongState, match=f"FAIRLIFT_HTTP: cannot listen on {taken}: .*in use"):
            async with running(tmp_path, http=taken):
                pass
    async with running(tmp_path):
        pass


def test_each_worker_has_a_port_of_its_own() -> None:
    assert worker_address("0.0.0.0:9464", None) == "0.0.0.0:9464"
    assert worker_address("0.0.0.0:9464", 0) == "0.0.0.0:9464"
    assert worker_address("[::1]:9464", 3) == "[::1]:9467"


async def test_a_late_event_loop_is_measured_and_a_silent_one_is_dead() -> None:
    now = 100.0
    delays: list[float] = []
    lag = LoopLag(delays.append, lambda: now)
    running_lag = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    now += 1.25  # the loop was asked for in .25 s
    while not delays:
        await asyncio.sleep(0.05)
    running_lag.cancel()

    assert delays[0] == pytest.approx(1.0)
    assert lag.problem() == ""
    now += 31
    assert lag.problem() == "the event loop has not run for 31 s"


def test_no_thread_is_left(tmp_path: Path) -> None:
    async def serve() -> None:
        async with running(tmp_path, http=free_address()):
            pass

    asyncio.run(serve())
    assert not [thread for thread in threading.enumerate() if thread.name == "monitoring"]


async def test_calls_that_are_refused_before_they_are_read_are_counted(tmp_path: Path) -> None:
    http = free_address()
    async with running(tmp_path, http=http, token="the-token-of-a-shop") as caller:
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError):
                await assign(caller, "v")
        found = figures((await page(http, "/metrics"))[1])

    of_class = {"class": "assign"}
    assert figure(found, "fairlift_refused_calls_total", code="UNAUTHENTICATED", **of_class) == 3
    with pytest.raises(KeyError):
        figure(found, "fairlift_refused_calls_total", code="RESOURCE_EXHAUSTED", **of_class)


async def test_calls_that_are_refused_after_they_were_read_are_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> None:
        raise Overloaded("the caller waits for 1 ms", retry_after_s=0.5)

    async def too_long(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(call_classes, "_USUAL_S", 0.2)
    http = free_address()
    async with running(tmp_path, http=http) as caller:
        for where, name, function in (
            (CampaignLifecycle, "listed", too_long),
            (CallRooms, "turn", busy),
        ):
            monkeypatch.setattr(where, name, function)
            with pytest.raises(grpc.aio.AioRpcError):
                await caller.campaigns.ListCampaigns(ListCampaignsRequest())
        found = figures((await page(http, "/metrics"))[1])

    code = {"code": "RESOURCE_EXHAUSTED"}
    method = {"method": "/fairlift.v1.CampaignService/ListCampaigns"}
    of_class = {"class": "admin"}
    assert figure(found, "fairlift_refused_calls_total", **code, **of_class) == 2
    # Their messages were received, so that they have a time as well.
    assert figure(found, "fairlift_call_seconds_count", **code, **method) == 2

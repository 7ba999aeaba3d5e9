"""The figures of a server as a collector of OTLP receives them: those of `/metrics`."""

import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from fairlift_server.tracing import metric_export
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as otlp
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from tests.databases import sqlite_only
from tests.e2e.test_server_process import PATIENCE_S, process, start_campaign, statuses
from tests.server import shop
from tests.server.test_monitoring import Figures, fetched, figures, free_address

pytestmark = sqlite_only

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
# They differ between two readings of a server that does nothing.
RESTLESS = ("process_", "python_gc", "fairlift_snapshot_age", "fairlift_event_loop_lag")


class Collector(MetricsServiceServicer):
    """Keeps the newest figures of each process that sends some."""

    def __init__(self) -> None:
        self.newest: dict[str, list[Metric]] = {}
        self.service = ""
        self.received = b""
        self.has_come = threading.Event()

    def Export(  # noqa: N802  # the contract of OTLP names the method
        self, request: otlp.ExportMetricsServiceRequest, _context: object
    ) -> otlp.ExportMetricsServiceResponse:
        self.received += request.SerializeToString()
        for part in request.resource_metrics:
            named = labels(part.resource.attributes)
            self.service = named["service.name"]
            metrics = [metric for scope in part.scope_metrics for metric in scope.metrics]
            self.newest[named["service.instance.id"]] = metrics
        self.has_come.set()
        return otlp.ExportMetricsServiceResponse()


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    receiver, collector = grpc.server(ThreadPoolExecutor(2)), Collector()
    add_MetricsServiceServicer_to_server(collector, receiver)  # type: ignore[no-untyped-call]  # generated
    port = receiver.add_insecure_port("127.0.0.1:0")
    receiver.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        receiver.stop(None)


def labels(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


def received(metrics: list[Metric]) -> Figures:
    """Figures under the names and labels that Prometheus gives them."""
    found: Figures = {}
    for metric in metrics:
        for point in (*metric.sum.data_points, *metric.gauge.data_points):
            found[metric.name, frozenset(labels(point.attributes).items())] = point.as_double
        for histogram in metric.histogram.data_points:
            own = labels(histogram.attributes)
            total = 0
            bounds = [*map(str, map(float, histogram.explicit_bounds)), "+Inf"]
            for bound, count in zip(bounds, histogram.bucket_counts, strict=True):
                total += count
                key = frozenset({**own, "le": bound}.items())
                found[f"{metric.name}_bucket", key] = total
            found[f"{metric.name}_count", frozenset(own.items())] = histogram.count
            found[f"{metric.name}_sum", frozenset(own.items())] = histogram.sum
    return found


def at_rest(read: Figures) -> Figures:
    return {
        key: value
        for key, value in read.items()
        if not key[0].startswith(RESTLESS) and not key[0].endswith("_created")
    }


def test_a_collector_gets_the_figures_of_the_page(tmp_path: Path) -> None:
    http = free_address()
    with (
        collecting() as (collector, endpoint),
        process(
            tmp_path,
            FAIRLIFT_HTTP=http,
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=endpoint,
            OTEL_METRIC_EXPORT_INTERVAL="100",
        ) as (_, address),
    ):
        with grpc.insecure_channel(address) as channel:
            start_campaign(channel)
            statuses(channel, [shop.exposure("maria@example.com"), shop.exposure("v-2")])
        page = at_rest(figures(fetched(http, "/metrics")[1]))
        for _ in range(2):  # the second one was read after the page
            collector.has_come.clear()
            assert collector.has_come.wait(PATIENCE_S)
        [metrics] = collector.newest.values()

    assert collector.service == "fairlift-server"
    assert at_rest(received(metrics)) == page
    assert page["fairlift_events_total", frozenset({("kind", "exposure"), ("outcome", "accepted")})]
    assert {metric.sum.aggregation_temporality for metric in metrics if metric.HasField("sum")} == {
        CUMULATIVE
    }
    assert b"maria" not in collector.received


def test_the_last_figures_come_when_a_server_stops(tmp_path: Path) -> None:
    with (
        collecting() as (collector, endpoint),
        process(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_TRACES_EXPORTER="none") as (
            server,
            address,
        ),
    ):
        with grpc.insecure_channel(address) as channel:
            start_campaign(channel)
            statuses(channel, [shop.exposure("v-1")])
        assert collector.newest == {}  # the first ones are due after a minute
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0
        [metrics] = collector.newest.values()

    key = "fairlift_events_total", frozenset({("kind", "exposure"), ("outcome", "accepted")})
    assert received(metrics)[key] == 1


def test_a_collector_that_is_away_stops_nothing(tmp_path: Path) -> None:
    with process(
        tmp_path,
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"http://{free_address()}",
        OTEL_METRIC_EXPORT_INTERVAL="50",
        OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="1",
    ) as (server, address):
        with grpc.insecure_channel(address) as channel:
            start_campaign(channel)
            assert len(statuses(channel, [shop.exposure("v-1")])) == 1
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("interval", ["soon", "0", "-5"])
def test_an_interval_that_is_none_is_the_usual_one(
    interval: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", interval)

    assert metric_export._interval_s() == 60

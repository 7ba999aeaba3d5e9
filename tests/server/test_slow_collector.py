"""A collector that is slow, or variables of OpenTelemetry that are wrong, cost the shop nothing."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import create_server

import pytest
from fairlift_server.monitoring.metrics import ServerMetrics
from fairlift_server.monitoring_hooks import tracing_of
from fairlift_server.tracing import last_export, metric_export
from fairlift_server.tracing.metric_export import MetricExport
from prometheus_client import Metric

from tests.server.client import running

pytestmark = pytest.mark.timeout(25)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a collector that takes connections and never answers."""
    with create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
        monkeypatch.setattr(last_export, "_LONGEST_S", 0.1)
        yield address


@pytest.mark.usefixtures("silent")
def test_a_stop_does_not_wait_for_a_collector_that_takes_no_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_read = threading.Event()

    def families() -> Iterable[Metric]:
        is_read.set()
        return ServerMetrics().families()

    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    export = MetricExport(families)
    assert is_read.wait(10)

    export.close()

    assert not export._thread.is_alive()


def test_a_stop_does_not_wait_for_a_collector_that_takes_no_spans(silent: str) -> None:
    tracing = tracing_of({"OTEL_EXPORTER_OTLP_ENDPOINT": silent})
    assert tracing is not None
    with tracing.call("/a/b", {}) as end:
        end("OK")

    tracing.close()


@pytest.mark.usefixtures("silent")
def test_figures_that_cannot_be_read_once_are_exported_the_next_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_read_again = threading.Event()
    readings = []

    def families() -> Iterable[Metric]:
        readings.append(1)
        if len(readings) == 1:
            raise IndexError("deque index out of range")
        is_read_again.set()
        return ()

    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    export = MetricExport(families)

    assert is_read_again.wait(10)
    export.close()
    assert "the figures were not exported this time" in caplog.messages


@pytest.mark.parametrize("interval", ["inf", "1e300"])
def test_an_interval_that_no_clock_can_wait_for_is_the_usual_one(
    interval: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", interval)

    assert metric_export._interval_s() == 60


async def test_a_server_starts_without_exports_where_their_variables_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")

    async with running(tmp_path):
        pass

    said = [text for text in caplog.messages if "are exported" in text]
    assert [text.partition(":")[0] for text in said] == [
        "no traces are exported",
        "no metrics are exported",
    ]
    assert all("soon" in text for text in said)

"""Sends the figures of `/metrics` to a collector of OTLP, under the same names."""

import logging
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

from fairlift_server.tracing.last_export import last_export
from fairlift_server.tracing.resource import server_resource

log = logging.getLogger("fairlift.server")

# OpenTelemetry's own default.
_USUAL_INTERVAL_S: Final = 60.0
_SCOPE: Final = InstrumentationScope("fairlift_server")
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


class MetricExport:
    """Exports figures each OTEL_METRIC_EXPORT_INTERVAL, and once more when it is closed.

    A thread of its own waits for the collector, so that a collector that is away stops nothing.

    Args:
        families: gives the figures as they are now; called in that thread.
    """

    def __init__(self, families: Callable[[], Iterable[Family]]) -> None:
        self._families = families
        self._started_ns = time.time_ns()
        self._resource = server_resource()
        self._exporter = OTLPMetricExporter()
        self._interval_s = _interval_s()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metric export", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Exports the last figures; takes a few seconds where the collector is away or slow."""
        self._closing.set()
        with last_export(self._exporter):
            self._thread.join()
        self._exporter.shutdown()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._closing.wait(self._interval_s)
            try:
                # The exporter logs its failures itself.
                self._exporter.export(self._data())
            except Exception:
                # Another thread may have changed what a figure is read from: the next time it fits.
                log.warning("the figures were not exported this time", exc_info=True)

    def _data(self) -> MetricsData:
        metrics = tuple(exported(self._families(), self._started_ns, time.time_ns()))
        scope = ScopeMetrics(_SCOPE, metrics, schema_url="")
        return MetricsData([ResourceMetrics(self._resource, [scope], schema_url="")])


def exported(families: Iterable[Family], started_ns: int, now_ns: int) -> Iterator[Metric]:
    """The same figures in the form of OpenTelemetry.

    Args:
        families: counters, gauges and histograms; others are left out.
        started_ns: since when they count, in nanoseconds since 1970.
        now_ns: when they were read.
    """

    def number(sample: Sample) -> NumberDataPoint:
        return NumberDataPoint(dict(sample.labels), started_ns, now_ns, float(sample.value))

    for family in families:
        name = family.name
        data: Sum | Gauge | Histogram | None = None
        if family.type == "counter":
            name += "_total"
            points = [number(sample) for sample in family.samples if sample.name == name]
            data = Sum(points, _CUMULATIVE, is_monotonic=True)
        elif family.type == "gauge":
            data = Gauge([number(sample) for sample in family.samples])
        elif family.type == "histogram":
            data = Histogram(list(_histograms(family, started_ns, now_ns)), _CUMULATIVE)
        if data is not None and data.data_points:
            yield Metric(name, family.documentation, _unit(family.name), data)


def _histograms(family: Family, started_ns: int, now_ns: int) -> Iterator[HistogramDataPoint]:
    by_labels: dict[tuple[tuple[str, str], ...], list[Sample]] = defaultdict(list)
    for sample in family.samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        by_labels[labels].append(sample)
    for labels, samples in by_labels.items():
        named = {sample.name.removeprefix(family.name): sample.value for sample in samples}
        buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
        up_to = [int(sample.value) for sample in buckets]
        bounds = [float(sample.labels["le"]) for sample in buckets]
        yield HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=started_ns,
            time_unix_nano=now_ns,
            count=up_to[-1],
            sum=named["_sum"],
            bucket_counts=[
                count - before for before, count in zip([0, *up_to], up_to, strict=False)
            ],
            explicit_bounds=[bound for bound in bounds if not math.isinf(bound)],
            min=None,  # type: ignore[arg-type]  # Prometheus' form has none; the contract neither
            max=None,  # type: ignore[arg-type]  # as above
        )


def _unit(name: str) -> str:
    """The unit that a name ends with, as OpenTelemetry writes it."""
    units = {"_seconds": "s", "_bytes": "By"}
    return next((unit for ending, unit in units.items() if name.endswith(ending)), "1")


def _interval_s() -> float:
    try:
        interval_s = float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")) / 1_000
    except ValueError:
        return _USUAL_INTERVAL_S
    return interval_s if 0 < interval_s < threading.TIMEOUT_MAX else _USUAL_INTERVAL_S

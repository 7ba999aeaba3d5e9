"""Connects the parts of the server to what operators look at; nothing of it is loaded without."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from fairlift_server.api.server import GrpcServer
from fairlift_server.campaigns.live import LiveCampaigns
from fairlift_server.events.ingest import Ingest, ReadEvents, StoreEvents
from fairlift_server.events.journaled_store import JournaledStore
from fairlift_server.events.ledger import EventOutcome
from fairlift_server.settings import Settings

if TYPE_CHECKING:
    from fairlift_server.monitoring.metrics import ServerMetrics
    from fairlift_server.tracing.metric_export import MetricExport
    from fairlift_server.tracing.spans import Tracing

T = TypeVar("T")
Signal: TypeAlias = Literal["traces", "metrics"]

log = logging.getLogger("fairlift.server")


def metrics_of(settings: Settings, *, are_exported: bool) -> "ServerMetrics | None":
    """Counts what happens, where operators look; loaded only then."""
    if not settings.http and not are_exported:
        return None
    from fairlift_server.monitoring.metrics import ServerMetrics

    return ServerMetrics()


def tracing_of(environment: Mapping[str, str]) -> "Tracing | None":
    """Traces, where the variables of OpenTelemetry name a collector; loaded only then.

    Args:
        environment: the process's variables.
    """
    if not exports("traces", environment):
        return None
    from fairlift_server.tracing.spans import Tracing

    return _made("traces", Tracing)


def metric_export_of(metrics: "ServerMetrics") -> "MetricExport | None":
    """Sends figures to the collector that the variables of OpenTelemetry name, if they allow it."""
    from fairlift_server.tracing.metric_export import MetricExport

    return _made("metrics", lambda: MetricExport(metrics.families))


def _made(signal: Signal, make: Callable[[], T]) -> T | None:
    """What exports a signal; None, and a warning: a variable of OpenTelemetry's is wrong."""
    try:
        return make()
    except Exception as error:  # of no common class: OpenTelemetry reads its variables itself
        log.warning("no %s are exported: %s: %s", signal, type(error).__name__, error)
        return None


def exports(signal: Signal, environment: Mapping[str, str]) -> bool:
    """Whether the variables of OpenTelemetry ask for a signal that this server can send.

    What they ask for and it cannot is a warning.
    """
    kind = signal.upper()
    endpoints = (f"OTEL_EXPORTER_OTLP_{kind}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = environment.get(f"OTEL_{kind}_EXPORTER") or "otlp"
    if is_off or exporter == "none" or not any(map(environment.get, endpoints)):
        return False
    name, protocol = _protocol(kind, environment)
    for variable, value, known in (
        (f"OTEL_{kind}_EXPORTER", exporter, "otlp"),
        (name, protocol, "grpc"),
    ):
        if value != known:
            text = "no {} are exported: {} is {!r}, and this server knows {!r} alone"
            log.warning(text.format(signal, variable, value[:40], known))
            return False
    if not _has_opentelemetry():
        log.warning("OTEL_ variables ask for %s, which need: pip install 'fairlift[otel]'", signal)
        return False
    return True


def _has_opentelemetry() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.grpc") is not None
    except ModuleNotFoundError:  # not even the packages above it
        return False


def _protocol(kind: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable that says how a signal is sent, and what it says."""
    names = (f"OTEL_EXPORTER_OTLP_{kind}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    found = ((name, environment[name]) for name in names if environment.get(name))
    return next(found, (names[-1], "grpc"))


def monitored(
    settings: Settings, worker: int | None, metrics: "ServerMetrics | None", server: GrpcServer
) -> AbstractAsyncContextManager[object]:
    """Measures, and answers over HTTP, until the block ends, where operators look."""
    if metrics is None:
        return nullcontext()
    from fairlift_server.monitoring.monitor import monitoring, worker_address

    listen = worker_address(settings.http, worker)
    return monitoring(
        listen, metrics, not_ready=lambda: server.not_ready, broken=lambda: server.broken
    )


def watch_server(
    metrics: "ServerMetrics",
    live: LiveCampaigns,
    ingest: Ingest,
    server: GrpcServer,
    journaled: JournaledStore | None,
    clock: Callable[[], datetime],
) -> None:
    """What is asked for at each scrape."""

    def snapshot_age_s() -> float:
        made = live.snapshot.create_time
        return 0.0 if made is None else (clock() - made).total_seconds()

    metrics.watch(
        {
            "fairlift_ready": (
                "1: callers are welcome.",
                lambda: float(not server.not_ready),
            ),
            "fairlift_waiting_events": (
                "Events that wait for the disk.",
                lambda: ingest.waiting_events,
            ),
            "fairlift_longest_wait_seconds": (
                "How long the oldest batch of events has waited for its turn.",
                lambda: ingest.longest_wait_s,
            ),
            "fairlift_snapshot_age_seconds": (
                "Since the campaigns changed last, or the server started.",
                snapshot_age_s,
            ),
            "fairlift_campaigns": (
                "Campaigns that assignments are decided by.",
                lambda: len(live.snapshot.campaigns),
            ),
        }
    )
    if not math.isinf(server.certificate_end_s()):
        metrics.watch(
            {
                "fairlift_certificate_end_seconds": (
                    "When the certificate of new connections ends, in seconds since 1970.",
                    server.certificate_end_s,
                )
            }
        )
    if journaled is not None:
        metrics.watch(
            {
                "fairlift_journal_events": (
                    "Events that wait in the journal for the database.",
                    lambda: journaled.state.events,
                ),
                "fairlift_journal_bytes": (
                    "How large the journal is.",
                    lambda: journaled.state.size_bytes,
                ),
                "fairlift_journal_age_seconds": (
                    "How long the oldest event has waited there.",
                    lambda: journaled.state.age_s,
                ),
            }
        )


def timed(record: StoreEvents, metrics: "ServerMetrics") -> StoreEvents:
    """Stores events, and has each transaction counted."""

    async def timed_record(events: ReadEvents) -> list[EventOutcome]:
        started, failed = time.perf_counter(), True
        try:
            outcomes = await record(events)
            failed = False
            return outcomes
        finally:
            metrics.commit(len(events), time.perf_counter() - started, failed=failed)

    return timed_record

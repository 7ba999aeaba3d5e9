"""A trace of one order from the storefront to the ledger, as a collector of OTLP receives it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc
import pytest
from fairlift.v1 import event_service_pb2, results_service_pb2
from fairlift.v1.event_service_pb2_grpc import EventServiceStub
from fairlift.v1.results_service_pb2_grpc import ResultsServiceStub
from fairlift_server.monitoring_hooks import tracing_of
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.databases import sqlite_only
from tests.e2e.test_server_process import PATIENCE_S, process, start_campaign, statuses
from tests.server import shop

pytestmark = sqlite_only

T = TypeVar("T")

# A storefront with OpenTelemetry set up as its documentation says.
STOREFRONT = """
import sys
from fairlift import Client, OrderLine, micros
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
client = Client(sys.argv[1], tls=False)
with trace.get_tracer("shop").start_as_current_span("checkout"):
    client.order(
        "maria@example.com", "order-4711", [OrderLine("sku-1", 1, micros(20))], currency="EUR"
    )
assert client.flush(20)
client.close()
provider.shutdown()
"""
# The process that computes the first result starts behind everything else on a busy machine.
RESULT_S = 6 * PATIENCE_S
SECRETS = ("maria", "order-4711", "sku-1", "secret-visitor")


class Collector(TraceServiceServicer):
    """Keeps all spans that it receives, with the name of the service."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        self.received = b""

    def Export(  # noqa: N802  # the contract of OTLP names the method
        self, request: otlp.ExportTraceServiceRequest, _context: object
    ) -> otlp.ExportTraceServiceResponse:
        self.received += request.SerializeToString()
        for part in request.resource_spans:
            named = {each.key: each.value.string_value for each in part.resource.attributes}
            for scope in part.scope_spans:
                self.spans += ((named["service.name"], span) for span in scope.spans)
        return otlp.ExportTraceServiceResponse()

    def named(self, name: str) -> Span | None:
        """The first span of a name."""
        return next((span for _, span in self.spans if span.name == name), None)


def eventually(read: Callable[[], T | None]) -> T:
    """What is there at last."""
    until = time.monotonic() + PATIENCE_S
    while (found := read()) is None:
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, str, str]]:
    """A collector, its address, and that of a server that exports to it."""
    receiver, collector = grpc.server(ThreadPoolExecutor(2)), Collector()
    add_TraceServiceServicer_to_server(collector, receiver)  # type: ignore[no-untyped-call]  # generated
    otlp_address = f"http://127.0.0.1:{receiver.add_insecure_port('127.0.0.1:0')}"
    receiver.start()
    with process(
        tmp_path_factory.mktemp("traced"),
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_address,
        OTEL_BSP_SCHEDULE_DELAY="50",
    ) as (_, address):
        yield collector, otlp_address, address
    receiver.stop(None)


def test_a_trace_of_one_order_from_storefront_to_ledger(
    traced: tuple[Collector, str, str],
) -> None:
    collector, otlp_address, address = traced
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_address}
    environment["OTEL_SERVICE_NAME"] = "shop"

    subprocess.run([sys.executable, "-c", STOREFRONT, address], env=environment, check=True)

    commit = eventually(lambda: collector.named("commit"))
    call = eventually(
        lambda: next((s for service, s in collector.spans if _is_server_call(service, s)), None)
    )
    wait = eventually(lambda: collector.named("events wait"))
    checkout = eventually(lambda: collector.named("checkout"))
    sent = next(
        s for service, s in collector.spans if service == "shop" and s.kind == Span.SPAN_KIND_CLIENT
    )
    assert {s.trace_id for s in (checkout, sent, call, wait, commit)} == {checkout.trace_id}
    assert sent.parent_span_id == checkout.span_id
    assert call.parent_span_id == sent.span_id
    assert wait.parent_span_id == call.span_id
    assert commit.parent_span_id == call.span_id
    assert [link.span_id for link in commit.links] == [wait.span_id]
    assert [link.span_id for link in wait.links] == [commit.span_id]
    # In the order in which they happened, by the clock of this machine.
    assert sent.start_time_unix_nano <= call.start_time_unix_nano <= wait.start_time_unix_nano
    assert wait.end_time_unix_nano <= commit.end_time_unix_nano <= call.end_time_unix_nano
    attributes = {each.key: each.value for each in call.attributes}
    assert attributes["rpc.response.status_code"].string_value == "OK"
    assert len(attributes["fairlift.request_id"].string_value) == 36
    assert {each.key: each.value.int_value for each in commit.attributes} == {
        "fairlift.events": 1,
        "fairlift.calls": 1,
    }


def _is_server_call(service: str, span: Span) -> bool:
    return service == "fairlift-server" and span.name == "fairlift.v1.EventService/RecordEvents"


def test_results_are_traced_and_errors_are_marked(traced: tuple[Collector, str, str]) -> None:
    collector, _, address = traced
    with grpc.insecure_channel(address) as channel:
        start_campaign(channel)
        assert len(statuses(channel, [shop.exposure("secret-visitor")])) == 1
        results, name = ResultsServiceStub(channel), shop.campaign().name
        health = results_service_pb2.GetHealthRequest(name=name)
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        results.GetHealth(health, timeout=RESULT_S, metadata=(("traceparent", parent),))
        not_sampled = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        results.GetHealth(health, timeout=RESULT_S, metadata=(("traceparent", not_sampled),))
        wrong = event_service_pb2.RecordEventsRequest(events=[event_service_pb2.Event()] * 1_001)
        with pytest.raises(grpc.RpcError):
            EventServiceStub(channel).RecordEvents(wrong, timeout=PATIENCE_S)

    def failed() -> Span | None:
        codes = (
            (span, each.value.string_value)
            for _, span in collector.spans
            for each in span.attributes
            if each.key == "rpc.response.status_code"
        )
        return next((span for span, code in codes if code == "INVALID_ARGUMENT"), None)

    job = eventually(lambda: collector.named("quality_of_campaign"))
    call = eventually(lambda: collector.named("fairlift.v1.ResultsService/GetHealth"))
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (parent[3:35], parent[36:52])
    assert job.parent_span_id == call.span_id
    # The caller is to blame for it: OpenTelemetry calls that no error of the server.
    assert eventually(failed).status.code == Status.STATUS_CODE_UNSET
    assert not any(span.trace_id.hex() == not_sampled[3:35] for _, span in collector.spans)


def test_no_span_names_a_person_or_an_order(traced: tuple[Collector, str, str]) -> None:
    collector, _, _ = traced
    assert collector.received
    for secret in SECRETS:
        assert secret.encode() not in collector.received
    keys = {
        each.key for service, s in collector.spans for each in s.attributes if service != "shop"
    }
    assert keys == {
        *("rpc.system", "rpc.service", "rpc.method", "rpc.response.status_code"),
        *("fairlift.request_id", "fairlift.events", "fairlift.calls"),
    }


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_unless_a_collector_is_named(variables: dict[str, str]) -> None:
    assert tracing_of(variables) is None

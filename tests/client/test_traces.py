"""The application's trace: which calls carry it on, and what the spans of calls say."""

from collections.abc import Iterator

import grpc
import pytest
from fairlift.engine.errors import Unavailable
from fairlift.transport import Endpoint
from fairlift.v1.assignment_service_pb2 import AssignVariantsRequest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

from tests.client.shop import Shop, eventually
from tests.client.test_delivery import connected, expose

RECORD = "fairlift.v1.EventService/RecordEvents"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans that ended, of an application that traces."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The provider of a process can be set once only.
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def shop_tracer() -> Tracer:
    return trace.get_tracer("shop")


def test_exposures_take_no_trace_along(shop: Shop, spans: InMemorySpanExporter) -> None:
    with connected(shop) as client, shop_tracer().start_as_current_span("page"):
        expose(client, range(3))
        assert client.flush(10)

    assert "traceparent" not in shop.metadata
    assert [span.name for span in spans.get_finished_spans()] == ["page"]


def test_exposures_recorded_during_a_traced_call_are_not_in_its_trace(
    shop: Shop, spans: InMemorySpanExporter
) -> None:
    shop.delay_s = 0.5
    with connected(shop) as client:
        with shop_tracer().start_as_current_span("checkout"):
            client.action("v0", "view")
        assert eventually(lambda: shop.calls == 1)
        # Put together by the thread that waits for the answer.
        expose(client, range(20))
        assert eventually(lambda: len(shop.events) == 21)

    assert "traceparent" not in shop.metadata
    assert [span.name for span in spans.get_finished_spans()] == ["checkout", RECORD]


def test_a_failed_call_is_marked_and_quotes_nothing(
    shop: Shop, spans: InMemorySpanExporter
) -> None:
    shop.failures = [grpc.StatusCode.UNAVAILABLE]
    connection = Endpoint(shop.target).connect()
    with shop_tracer().start_as_current_span("checkout") as checkout:
        span = checkout.get_span_context()
        with pytest.raises(Unavailable):
            connection.record([], timeout_s=10, spans=[span])
        connection.record([], timeout_s=10, spans=[span])
        connection.assign(AssignVariantsRequest(visitor_id="v"), timeout_s=10)
    connection.close()

    failed, *others = spans.get_finished_spans()
    assert (failed.name, failed.status.status_code) == (RECORD, StatusCode.ERROR)
    assert (failed.status.description, failed.events) == (None, ())
    assert [each.status.status_code for each in others] == [StatusCode.UNSET] * 3

"""The server's spans: calls, the wait of their events, commits, and what computes results.

No attribute names a visitor, a customer, an order or a campaign, and no error's text is taken
along: a collector is no place for ids.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fairlift_server.request_ids import CURRENT
from fairlift_server.tracing.last_export import last_export
from fairlift_server.tracing.resource import server_resource

# Of one commit: so many calls are linked to it; a link takes about 100 bytes.
_MOST_LINKS: Final = 128
# For these the server is to blame (OpenTelemetry's conventions for gRPC).
_SERVER_ERRORS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)


class Wait(NamedTuple):
    """The wait of one call's events for the disk.

    Attributes:
        span: runs until their commit begins.
        call: the context of the call.
    """

    span: Span
    call: Context


class Tracing:
    """Makes spans and exports them by OTLP; where to and how many, OTEL_… variables say."""

    def __init__(self) -> None:
        # Not the global provider: the server's spans are its own.
        self._provider = TracerProvider(resource=server_resource())
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("fairlift_server")
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def call(self, method: str, metadata: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
        """The span of a call, in the trace that `traceparent` names; see CallTracer."""
        service, _, name = method[1:].partition("/")
        attributes = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": name,
            "fairlift.request_id": CURRENT.get(),
        }
        parent = self._propagator.extract(metadata, Context())
        with self._span(method[1:], parent, SpanKind.SERVER, attributes) as span:

            def end(code: str) -> None:
                span.set_attribute("rpc.response.status_code", code)
                if code in _SERVER_ERRORS:
                    span.set_status(Status(StatusCode.ERROR))

            yield end

    def waiting(self) -> Wait | None:
        """Begins the wait of a call's events; None: the call is not traced."""
        if not get_current_span().is_recording():
            return None
        call = get_current()
        return Wait(self._tracer.start_span("events wait", context=call), call)

    @contextmanager
    def storing(self, waits: Sequence[Wait | None], events: int) -> Iterator[None]:
        """Ends the waits of a group of batches; the span of its commit, linked to all of them.

        The commit is in the trace of the first call: as a trace of its own it would be sampled
        apart from them.
        """
        traced = [wait for wait in waits if wait is not None]
        if not traced:
            yield
            return
        links = [Link(wait.span.get_span_context()) for wait in traced[:_MOST_LINKS]]
        attributes = {"fairlift.events": events, "fairlift.calls": len(waits)}
        with self._span("commit", traced[0].call, SpanKind.INTERNAL, attributes, links) as span:
            for wait in traced:
                wait.span.add_link(span.get_span_context())
                wait.span.end()
            try:
                yield
            except BaseException:
                span.set_status(Status(StatusCode.ERROR))
                raise

    @contextmanager
    def job(self, name: str) -> Iterator[None]:
        """The span of what computes results, with the wait for a free process."""
        with self._span(name, get_current(), SpanKind.INTERNAL, {}) as span:
            try:
                yield
            except BaseException:
                span.set_status(Status(StatusCode.ERROR))
                raise

    def close(self) -> None:
        """Exports what is left; takes a few seconds where the collector is away or slow."""
        with last_export(self._exporter):
            self._provider.shutdown()

    @contextmanager
    def _span(
        self,
        name: str,
        parent: Context,
        kind: SpanKind,
        attributes: Mapping[str, str | int],
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=kind,
            attributes=attributes,
            links=links,
            record_exception=False,  # its text may hold what the caller sent
            set_status_on_exception=False,
        ) as span:
            yield span

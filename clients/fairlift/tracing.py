"""Passes the application's trace on to the server, where the application has OpenTelemetry.

Fairlift imports parts of OpenTelemetry only where the application has loaded it.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

# Any: the types of a package that may not be there.
SpanContext: TypeAlias = Any

_API = "opentelemetry.trace"
_MOST_LINKS = 128
_NOTHING: tuple[tuple[str, str], ...] = ()


def current_span() -> SpanContext | None:
    """The context of the application's current span; None: it has none."""
    if (api := sys.modules.get(_API)) is None:
        return None
    context = api.get_current_span().get_span_context()
    return context if context.is_valid else None


@contextmanager
def call_span(
    name: str, spans: Sequence[SpanContext | None]
) -> Iterator[tuple[tuple[str, str], ...]]:
    """A span around one call, and the metadata that take the trace along.

    Args:
        name: of the call, such as fairlift.v1.EventService/RecordEvents.
        spans: of the application that the call is for; the first is its parent, the others are
            linked. Without any there is no span.
    """
    of_application = [*{s.span_id: s for s in spans if s is not None}.values()]
    api = sys.modules.get(_API)
    if api is None or not of_application:
        yield _NOTHING
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = api.set_span_in_context(api.NonRecordingSpan(of_application[0]))
    with api.get_tracer("fairlift").start_as_current_span(
        name,
        context=parent,
        kind=api.SpanKind.CLIENT,
        links=[api.Link(span) for span in of_application[1:_MOST_LINKS]],
        # Both would quote the server's message, which may name what was sent.
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        try:
            yield tuple(carrier.items())
        except BaseException:
            span.set_status(api.StatusCode.ERROR)
            raise

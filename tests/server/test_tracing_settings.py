"""Which variables of OpenTelemetry turn traces on, and what is said of those that do not."""

import pytest
from fairlift_server.monitoring_hooks import tracing_of

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",  # of metrics and logs
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
        },
    ],
)
def test_a_collector_that_takes_grpc_gets_traces(variables: dict[str, str]) -> None:
    tracing = tracing_of({**COLLECTOR, **variables})

    assert tracing is not None
    tracing.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
    ],
)
def test_what_the_server_cannot_do_is_said_at_the_start(
    variable: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert tracing_of({**COLLECTOR, variable: value}) is None

    (line,) = caplog.messages
    assert line.startswith(f"no traces are exported: {variable} is {value!r}, and this server")


@pytest.mark.parametrize("off", [{"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}])
def test_traces_that_were_turned_off_are_no_news(
    off: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert tracing_of({**COLLECTOR, **off}) is None
    assert caplog.messages == []

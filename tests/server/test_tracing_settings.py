"""Which variables of OpenTelemetry turn exports on, and what is said of those that do not."""

import pytest
from fairlift_server.monitoring_hooks import exports, tracing_of

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


def test_figures_and_traces_are_turned_on_apart(caplog: pytest.LogCaptureFixture) -> None:
    variables = {**COLLECTOR, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"}

    assert exports("traces", variables)
    assert not exports("metrics", variables)
    (line,) = caplog.messages
    assert line.startswith("no metrics are exported: OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is")
    assert not exports("metrics", {**COLLECTOR, "OTEL_METRICS_EXPORTER": "none"})
    assert exports("metrics", {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4317"})


@pytest.mark.parametrize("error", [None, ModuleNotFoundError("opentelemetry")])
def test_without_the_extra_a_warning_names_it(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def absent(_name: str) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr("fairlift_server.monitoring_hooks.find_spec", absent)

    assert not exports("metrics", COLLECTOR)
    assert caplog.messages == [
        "OTEL_ variables ask for metrics, which need: pip install 'fairlift[otel]'"
    ]

"""Traces by OpenTelemetry (the extra `otel`); loaded where its variables name a collector."""

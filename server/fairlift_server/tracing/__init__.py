"""Traces and figures by OpenTelemetry (extra `otel`); loaded where variables name a collector."""

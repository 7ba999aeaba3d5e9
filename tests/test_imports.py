"""Lightness and direction are tests, not manners: each package in a fresh interpreter."""

import os
import subprocess
import sys

import pytest

HEAVY = (
    "opentelemetry",
    "pandas",
    "pyarrow",
    "ibis",
    "duckdb",
    "sqlalchemy",
    "alembic",
    "statsmodels",
)
FORBIDDEN = {
    "fairlift.engine.decision": ("grpc", "google", "numpy", "scipy", "yaml", "click", *HEAVY),
    "fairlift": ("numpy", "scipy", "yaml", "click", "rich", "pydantic", *HEAVY),
    "fairlift.client": ("fairlift.engine.plan", "fairlift.engine.metric", "numpy", "yaml", *HEAVY),
    "fairlift.wire.snapshot": ("grpc", "numpy", "scipy", "yaml", "click", *HEAVY),
    "fairlift_stats": ("grpc", "google", "scipy.stats", "click", "yaml", "rich", *HEAVY),
    # The workers load what reads the ledger, never the server; what computes comes with the first
    # result, and Alembic with a database that needs a migration.
    "fairlift_server.build": (
        *("ibis", "duckdb", "pyspark", "pandas", "pyarrow", "click", "yaml", "alembic", "numpy"),
        *("scipy", "fairlift_stats", "babel", "prometheus_client", "opentelemetry"),
    ),
    # It computes no look: what reads the ledger would hold up assignments while it loads.
    "fairlift_server.results_parts": (
        *("ibis", "duckdb", "sqlglot", "pyspark", "pandas", "pyarrow", "scipy.stats"),
        *("click", "alembic"),
    ),
    # Pages are there within a second: pictures and mathematics load with the first campaign.
    "fairlift_cli.web.serving": (
        *("numpy", "scipy", "altair", "vl_convert", "xlsxwriter", "fairlift_server"),
        *HEAVY,
    ),
    "fairlift_cli.__main__": ("grpc", "numpy", "scipy", "fairlift_server", *HEAVY),
}


@pytest.mark.parametrize("module", FORBIDDEN)
def test_import_is_light(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    # Coverage and pytest plug-ins would bring modules of their own.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "PYTEST"))}
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean
    )
    loaded = set(run.stdout.split())
    assert module in loaded
    assert loaded.isdisjoint(FORBIDDEN[module])

"""Import contracts hold for the next file too: each refuses a wrong import that is planted here."""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
CONTRACTS = {contract["name"] for contract in PROJECT["tool"]["importlinter"]["contracts"]}
LINT = "from importlinter import cli; raise SystemExit(cli.lint_imports_command())"

HOUSE = "The server and the CLI import the SDK and the statistics, never the reverse"
ACYCLIC = "No package has circular imports, at any depth"
SDK_LAYERS = "Layers of the SDK"
CLI_LAYERS = "Layers of the CLI"
REPORT_LAYERS = "Layers of the report"
STATISTICS_LAYERS = "Layers of the statistics"
SERVER_LAYERS = "Layers of the server"
ENGINE = "The engine knows neither transport nor messages"
LIGHT = "The SDK stays light to install"
MATHEMATICS = "The statistics take numbers and return numbers: no transport, storage or terminal"
MESSAGES = "Only the SDK, the CLI, the server's api and its import use the generated messages"
GRPC = "Only the api, the SDK's connection and the CLI's connection use gRPC"
SQLALCHEMY = "Only the store uses SQLAlchemy"
IBIS = "Only the analysis uses Ibis"
DUCKDB = "Only the analysis, the lake and the import use DuckDB"
SCIPY = "Only the statistics use SciPy"
TERMINAL = "Only the CLI uses click and rich"
YAML = "Only the CLI, the import and the sources read YAML"
FRAMES = "Only the frames use narwhals and statsmodels"
PYSPARK = "Only the analysis uses PySpark"
TRACES = "Only the tracing uses OpenTelemetry"
WEB = "Only the web pages use Starlette and uvicorn"


@dataclass(frozen=True, slots=True)
class Planted:
    """A file that should be refused: its path in the packages, its lines, the broken contracts."""

    path: str
    lines: tuple[str, ...]
    breaks: frozenset[str]


def planted(path: str, *lines: str, breaks: set[str]) -> Planted:
    return Planted(path, lines, frozenset(breaks))


PLANTED = (
    planted(
        "fairlift_server/forecasting.py",
        "import duckdb",
        "import grpc",
        "import ibis",
        "import opentelemetry",
        "import pyspark",
        "import sqlalchemy",
        breaks={SERVER_LAYERS, DUCKDB, GRPC, IBIS, PYSPARK, SQLALCHEMY, TRACES},
    ),
    planted(
        "fairlift_server/lake/forecast.py",
        "import ibis",
        "from fairlift_server.results import worker_pool",
        breaks={SERVER_LAYERS, IBIS},
    ),
    planted(
        "fairlift_server/events/forecast.py",
        "from fairlift_server.results import worker_pool",
        breaks={SERVER_LAYERS, ACYCLIC},
    ),
    planted(
        "fairlift_server/results/forecast.py",
        "import duckdb",
        "import rich",
        "import yaml",
        "from fairlift.v1 import plan_pb2",
        breaks={DUCKDB, MESSAGES, TERMINAL, YAML},
    ),
    planted(
        "fairlift_stats/methods/forecast.py",
        "def forecast() -> None:",
        "    import grpc",
        "    import narwhals",
        "    import statsmodels",
        breaks={MATHEMATICS, GRPC, FRAMES},
    ),
    planted(
        "fairlift_stats/data/forecast.py",
        "import fairlift_stats.verdict",
        breaks={STATISTICS_LAYERS, ACYCLIC},
    ),
    planted("fairlift_stats/design/forecast.py", "import fairlift_server.settings", breaks={HOUSE}),
    planted(
        "fairlift/engine/forecast.py",
        "import fairlift.wire",
        breaks={ENGINE, SDK_LAYERS, ACYCLIC},
    ),
    planted("fairlift/forecast.py", "import numpy", breaks={LIGHT, SDK_LAYERS}),
    planted("fairlift_cli/tables/forecast.py", "import starlette", breaks={WEB}),
    planted("fairlift_cli/forecast.py", "import scipy", breaks={CLI_LAYERS, SCIPY}),
    planted(
        "fairlift_report/forecast.py",
        "import rich",
        "from fairlift.v1 import plan_pb2",
        "from fairlift_stats import messages",
        breaks={REPORT_LAYERS, HOUSE, MESSAGES, TERMINAL},
    ),
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages and of their contracts."""
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / package, tmp_path / Path(package).name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def broken(copy: Path) -> set[str]:
    """The contracts that import-linter finds broken in the copy."""
    # Wide, so that no contract's name is wrapped.
    environment = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "200", "NO_COLOR": "1"}
    run = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines()
    names = {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}
    kept = [line for line in lines if line.endswith(" KEPT")]
    assert len(names) + len(kept) == len(CONTRACTS), run.stdout + run.stderr
    assert (run.returncode != 0) == bool(names)
    return names


def test_the_packages_keep_every_contract(copy: Path) -> None:
    assert broken(copy) == set()


@pytest.mark.parametrize("file", PLANTED, ids=lambda file: file.path)
def test_a_wrong_import_is_refused(copy: Path, file: Planted) -> None:
    (copy / file.path).write_text("\n".join(file.lines) + "\n")

    assert broken(copy) >= file.breaks


def test_an_import_for_type_checking_counts_for_a_circle(copy: Path) -> None:
    folder = copy / "fairlift_stats" / "report"
    (folder / "planted_rows.py").write_text("import fairlift_stats.report.planted_table\n")
    (folder / "planted_table.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from fairlift_stats.report import planted_rows\n"
    )

    assert broken(copy) == {ACYCLIC}


def test_every_contract_is_shown_to_refuse_something() -> None:
    assert frozenset().union(*(file.breaks for file in PLANTED)) == CONTRACTS

"""Each extra does, in an environment without the others, what it is for."""

from importlib import metadata

import pytest

from tests.extras.environments import ROOT, Environments

CAMPAIGNS = ROOT / "tests" / "campaigns"

IMPORT_ALL = """
import importlib, pkgutil, sys
# What needs another extra: packages and modules, by the beginning of their names.
others = tuple(sys.argv[1].split())
for name in sys.argv[2:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        # Alembic's script runs only within a migration; OpenFeature is an extra of its own.
        is_ours = not others or not module.name.startswith(others)
        if is_ours and not module.name.endswith((".__main__", ".env", ".openfeature")):
            importlib.import_module(module.name)
loaded = {name.partition(".")[0] for name in sys.modules}
print(*sorted(loaded & {"pandas", "pyarrow", "numpy", "duckdb", "grpc", "click", "openfeature"}))
"""

CONTROL = """
from fairlift import Client
with Client("127.0.0.1:1") as client:
    shown = client.assign("free-shipping", "v-1")
    print(shown.variant, shown.is_control, shown.reason.value)
"""

FLAG = """
from fairlift import Client
from fairlift.openfeature import FairliftProvider
from openfeature import api
api.set_provider(FairliftProvider(Client("127.0.0.1:1")))
print(api.get_client().get_integer_value("free-shipping", 7))
api.shutdown()
"""

COMPARE = """
from fairlift_stats import Rate, Summary, compare
control, banner = (Summary.from_sums(n, {"bought": x}, {}) for n, x in ((2400, 120), (2380, 156)))
print(f"{compare(Rate('conversion_rate', 'bought'), control, banner).lift.value:+.1%}")
"""


# Of the command line, what draws and serves pages.
OF_WEB = "fairlift_cli.web. fairlift_cli.notify.pictures"
# Of the statistics, what reads frames: extra `notebook`.
OF_NOTEBOOKS = "fairlift_stats.frames."
# Of the server, what sends spans and metrics: extra `otel`.
OF_TRACES = "fairlift_server.tracing."


@pytest.mark.parametrize(
    ("extra", "packages", "loads"),
    [
        ("client", ["fairlift"], "grpc"),
        ("stats", ["fairlift_stats"], "numpy"),
        ("cli", ["fairlift", "fairlift_stats", "fairlift_cli"], "click grpc numpy"),
        ("web", ["fairlift_report", "fairlift_cli"], "click grpc numpy"),
        ("server", ["fairlift", "fairlift_stats", "fairlift_server"], "duckdb grpc numpy"),
    ],
)
def test_every_module_of_an_extra_can_be_imported(
    environments: Environments, extra: str, packages: list[str], loads: str
) -> None:
    others = f"{OF_NOTEBOOKS} {OF_TRACES}" + (f" {OF_WEB}" if extra == "cli" else "")

    assert environments.of(extra).prints(IMPORT_ALL, others, *packages).strip() == loads


def test_the_package_without_an_extra_can_be_imported(environments: Environments) -> None:
    environments.of("").prints("import fairlift, fairlift_cli, fairlift_server, fairlift_stats")


def test_a_client_without_a_server_gives_the_control(environments: Environments) -> None:
    shown = environments.of("client").prints(CONTROL).split()

    assert shown[1:] == ["True", "not_ready"]


def test_a_flag_without_a_server_has_its_default(environments: Environments) -> None:
    assert environments.of("openfeature").prints(FLAG).strip() == "7"


def test_the_statistics_compare_two_rates(environments: Environments) -> None:
    # 156/2380 ÷ (120/2400) − 1 = 0.3109…
    assert environments.of("stats").prints(COMPARE).strip() == "+31.1%"


def test_the_command_line_checks_files(environments: Environments) -> None:
    cli = environments.of("cli")

    version = cli.run("fairlift", "--version")
    good = cli.run("fairlift", "check", str(CAMPAIGNS / "good" / "smallest.yaml"))
    bad = cli.run("fairlift", "check", str(CAMPAIGNS / "bad" / "layers.yaml"))

    assert version.stdout == f"fairlift {metadata.version('fairlift')}\n"
    assert good.returncode == 0
    assert good.stdout.endswith("1 campaign checked: no mistakes, 1 warning\n")  # it has no plan
    assert bad.returncode == 1
    assert "layers.yaml:3:" in bad.stdout


def test_the_package_brings_the_schema_the_examples_and_the_ci_files(
    environments: Environments,
) -> None:
    cli = environments.of("cli")

    schema = cli.run("fairlift", "schema")
    first = cli.run("fairlift", "init", "shop", "--example", "wheel", "--ci", "gitlab")

    assert '"title": "Fairlift campaign"' in schema.stdout
    assert first.returncode == 0, first.stderr
    assert cli.run("fairlift", "check", "--strict", "shop").returncode == 0
    assert cli.run("fairlift", "test", "shop").returncode == 0


def test_the_shell_completes_commands(environments: Environments) -> None:
    cli = environments.of("cli")
    typed = {"COMP_WORDS": "fairlift res", "COMP_CWORD": "1"}
    for shell in ("bash", "zsh", "fish"):
        line = f"_FAIRLIFT_COMPLETE={shell}_source fairlift"
        assert line in (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")

    run = cli.run("fairlift", settings={"_FAIRLIFT_COMPLETE": "bash_complete", **typed})

    assert run.stdout.splitlines() == ["plain,results", "plain,resume"]


def test_a_report_without_what_draws_it_says_what_to_install(environments: Environments) -> None:
    run = environments.of("cli").run("fairlift", "report", "free-shipping")

    assert run.returncode == 2
    assert run.stderr.startswith('fairlift report needs the extra "report" (missing: ')
    assert run.stderr.endswith("): pip install 'fairlift[report]'\n")


def test_web_pages_without_what_serves_them_say_what_to_install(
    environments: Environments,
) -> None:
    run = environments.of("cli").run("fairlift", "web")

    assert run.returncode == 2
    assert run.stderr.startswith('fairlift needs the extra "web" (missing: ')
    assert run.stderr.endswith("): pip install 'fairlift[web]'\n")


@pytest.mark.parametrize("extra", ["", "client", "stats"])
@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (["fairlift", "--help"], "cli"),
        (["fairlift", "results", "free-shipping"], "cli"),
        (["fairlift-server", "serve"], "server"),
        (["fairlift-server", "migrate"], "server"),
    ],
)
def test_a_program_without_its_extra_says_what_to_install(
    environments: Environments, extra: str, command: list[str], needed: str
) -> None:
    run = environments.of(extra).run(*command)

    assert run.returncode == 2
    assert run.stderr.startswith(f'{command[0]} needs the extra "{needed}" (missing: ')
    assert run.stderr.endswith(f"): pip install 'fairlift[{needed}]'\n")
    assert run.stderr.count("\n") == 1

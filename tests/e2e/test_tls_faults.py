"""Commands and servers that disagree about TLS: the error names TLS, and what to do."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fairlift_cli.__main__ import main

from tests.e2e.test_server_process import SERVER, process

CERTIFICATES = Path(__file__).parents[1] / "client" / "certificates"
TOKEN = "a-token-of-a-test"


def with_tls(name: str) -> dict[str, str]:
    key = "shop.example" if name == "shop.example" else "localhost"
    return {
        "FAIRLIFT_TLS_CERTIFICATE": str(CERTIFICATES / f"{name}.pem"),
        "FAIRLIFT_TLS_KEY": str(CERTIFICATES / f"{key}.key"),
        "FAIRLIFT_TOKEN": TOKEN,
    }


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server whose certificate is of the name shop.example alone."""
    folder = tmp_path_factory.mktemp("named")
    with process(folder, log=subprocess.DEVNULL, **with_tls("shop.example")) as (_, address):
        yield address.rpartition(":")[2]


def said(*arguments: str) -> str:
    run = CliRunner().invoke(main, ["campaigns", *arguments], env={"FAIRLIFT_TOKEN": TOKEN})
    assert run.exit_code == 2, run.output
    assert "no Fairlift server answers" in run.stderr
    return " ".join(run.stderr.split())


def test_without_tls_to_a_server_that_has_it(port: str) -> None:
    assert "as servers with TLS do: give its certificate" in said("--server", f"127.0.0.1:{port}")


def test_a_certificate_of_another_ca_or_name(port: str) -> None:
    server = ("--server", f"localhost:{port}")
    other = said(*server, "--ca", str(CERTIFICATES / "localhost.pem"))
    name = said(*server, "--ca", str(CERTIFICATES / "shop.example.pem"))

    assert "is of a CA that is not trusted here: give its certificate" in other
    assert "with --ca FILE" in other
    assert "is of another name: call it by the name in its certificate" in name


def test_a_certificate_that_has_ended(tmp_path: Path) -> None:
    with process(tmp_path, log=subprocess.DEVNULL, **with_tls("ended")) as (_, address):
        port = address.rpartition(":")[2]
        ended = said("--server", f"localhost:{port}", "--ca", str(CERTIFICATES / "ended.pem"))

    assert "its certificate has ended: it needs a new one" in ended


def test_tls_to_a_server_that_has_none(tmp_path: Path) -> None:
    with process(tmp_path, log=subprocess.DEVNULL) as (_, address):
        none = said("--server", address, "--ca", str(CERTIFICATES / "localhost.pem"))

    assert "the server speaks no TLS: leave out --ca" in none


def command(
    folder: Path, *arguments: str, typed: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVER, *arguments],
        env={**with_tls("shop.example"), "FAIRLIFT_DATABASE": str(folder / "shop.db"), **more},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_commands_reach_their_own_server_whatever_name_its_certificate_has(tmp_path: Path) -> None:
    with process(tmp_path, log=subprocess.DEVNULL, **with_tls("shop.example")) as (_, address):
        own = {"FAIRLIFT_LISTEN": address}
        erased = command(tmp_path, "unit", "erase", "-", typed="v\n", **own)
        written = command(tmp_path, "export", str(tmp_path / "results"), "--what", "results", **own)
        # Another one that is named is called by its name.
        named = command(tmp_path, "unit", "erase", "-", "--server", address, typed="v\n")
        bare = {"FAIRLIFT_TLS_CERTIFICATE": "", "FAIRLIFT_TLS_KEY": ""}
        plain = command(tmp_path, "unit", "erase", "-", typed="v\n", **own, **bare)

    assert erased.returncode == written.returncode == 0, erased.stderr + written.stderr
    assert "erased 1 of 1" in erased.stdout
    assert "reports of 0 of 0 campaigns" in written.stdout
    assert "its certificate is of another name: name the server with --server" in named.stderr
    assert "as servers with TLS do: set FAIRLIFT_TLS_CERTIFICATE" in plain.stderr

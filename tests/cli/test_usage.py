"""What is typed wrongly, and what is not there: said at once, in words, with exit code 2."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from fairlift.engine.errors import Unavailable
from fairlift.v1.results_service_pb2 import GetResultsRequest
from fairlift_cli.__main__ import main
from fairlift_cli.failures import Unreachable
from fairlift_cli.server_connection import Target, connected
from fairlift_server.api.errors import refusal


def test_a_server_that_is_not_there_is_another_failure_than_a_refusal() -> None:
    run = CliRunner().invoke(main, ["campaigns", "--server", "127.0.0.1:1"])

    assert run.exit_code == 2
    assert "no Fairlift server answers at 127.0.0.1:1" in run.stderr
    assert "--server" in run.stderr


def busy(_request: bytes, context: grpc.ServicerContext) -> bytes:
    """What Fairlift says when its engine died."""
    code, text, trailing = refusal(Unavailable("the process that computes results ended"))
    context.set_trailing_metadata(trailing)
    context.abort(code, text)


def test_a_server_that_answers_is_not_said_to_be_away() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(busy)
    handler = grpc.method_handlers_generic_handler(
        "fairlift.v1.ResultsService", {"ListReports": method}
    )
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        run = CliRunner().invoke(main, ["results", "--server", f"127.0.0.1:{port}"])
    finally:
        server.stop(None)

    assert run.exit_code == 2
    assert (
        f"the server at 127.0.0.1:{port} cannot answer now: the process that computes results ended"
        in run.stderr
    )
    assert "is it running" not in run.stderr


def test_wrong_usage_ends_as_a_server_that_is_not_there() -> None:
    assert CliRunner().invoke(main, ["results"]).exit_code == 2
    assert CliRunner().invoke(main, ["check", "/nowhere.yaml"]).exit_code == 2
    assert (
        CliRunner().invoke(main, ["plan", "--visitors", "0", "--conversion", "3%"]).exit_code == 2
    )


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1", "127.0.0.1:abc", "shop.example:99999", ":1", "https://shop.example:443"],
)
def test_an_address_that_cannot_be_one_is_refused_at_once(address: str) -> None:
    run = CliRunner().invoke(main, ["campaigns", "--server", address])

    assert run.exit_code == 2
    assert f"is '{address}', must be HOST:PORT" in run.stderr


@pytest.mark.parametrize("address", ["[::1]:1", "unix:/nowhere.sock", "dns:///localhost:1"])
def test_other_forms_of_addresses_are_left_to_grpc(address: str) -> None:
    run = CliRunner().invoke(main, ["campaigns", "--server", address, "--plaintext"])

    assert "no Fairlift server answers at" in run.stderr


def test_a_token_that_cannot_travel_is_refused_and_not_printed() -> None:
    run = CliRunner().invoke(main, ["campaigns", "--token", "sesame\nopen"])

    assert run.exit_code == 2
    assert "line break" in run.stderr
    assert "sesame" not in run.output


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "root.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----", encoding="utf-8")

    run = CliRunner().invoke(main, ["campaigns", "--ca", str(path)])

    assert run.exit_code == 2
    assert f"{path} is not a PEM certificate" in run.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to offer")
def test_a_full_disk_ends_in_a_sentence(address: str) -> None:
    command = [sys.executable, "-m", "fairlift_cli", "campaigns", "--json", "--server", address]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert run.returncode == 2
    assert run.stderr == "cannot continue: No space left on device\n"


def test_a_server_that_does_not_answer_in_time_is_not_called_absent() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        connected(Target(f"127.0.0.1:{silent.getsockname()[1]}")) as server,
        pytest.raises(Unreachable) as failure,
    ):
        server.call(server.results.GetResults, GetResultsRequest(), timeout_s=0.6)

    assert "did not answer within 0.6 s" in str(failure.value)
    assert "try again" in str(failure.value)
    assert "is it running" not in str(failure.value)

"""Callers without a token: they cost no memory, and nobody else their answer."""

import json
import time
from pathlib import Path
from typing import cast

import grpc
import pytest

from tests.e2e.test_server_process import process
from tests.faults.hostile_callers import BOMB, MEBIBYTE, RECORD, TOKEN, rss_bytes

RESULTS = "/fairlift.v1.ResultsService/GetResults"

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads memory from Linux's /proc"
)


def call(
    channel: grpc.Channel, method: str, request: bytes, *, token: str = ""
) -> tuple[grpc.StatusCode, str]:
    """The status of a call that is sent as these bytes."""
    send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    try:
        send(request, timeout=30, metadata=metadata)
    except grpc.RpcError as error:
        failed = cast("grpc.Call", error)  # what a stub raises is a Call too
        return failed.code(), failed.details() or ""
    return grpc.StatusCode.OK, ""


def test_calls_without_a_token_are_refused_before_they_are_parsed(tmp_path: Path) -> None:
    with (
        process(tmp_path, FAIRLIFT_TOKEN=TOKEN) as (server, address),
        grpc.insecure_channel(address) as channel,
    ):
        assert call(channel, RECORD, b"")[0] is grpc.StatusCode.UNAUTHENTICATED
        before = rss_bytes(server.pid)
        codes = {call(channel, RECORD, BOMB)[0] for _ in range(60)}
        time.sleep(0.5)
        growth = rss_bytes(server.pid) - before

    assert codes == {grpc.StatusCode.UNAUTHENTICATED}
    # Read and parsed they took 2.9 GiB, and only read 94 MiB, in buffers that stay. What had come
    # in before a refusal went out takes up to 30 MiB.
    assert growth <= 48 * MEBIBYTE


def test_callers_without_a_token_are_logged_with_their_address(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as log,
        process(tmp_path, log=log, FAIRLIFT_TOKEN=TOKEN) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        for wrong in ("", "another-token-of-a-test", TOKEN[:-1]) * 20:
            call(channel, RECORD, b"", token=wrong)

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (refused,) = (line for line in lines if line["message"] == "calls refused")
    found = {name: refused[name] for name in ("level", "code", "peer", "calls")}
    assert found == {
        "level": "warning",
        "code": "UNAUTHENTICATED",
        "peer": "ipv4:127.0.0.1",
        "calls": 1,
    }


def test_bytes_that_are_no_message_are_the_callers_mistake(tmp_path: Path) -> None:
    with (
        (tmp_path / "log").open("w") as log,
        process(tmp_path, log=log, FAIRLIFT_TOKEN=TOKEN) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        code, text = call(channel, RECORD, b"\xff\xff\xff", token=TOKEN)
        large = call(channel, RESULTS, b"\x0a\x00" * MEBIBYTE, token=TOKEN)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be read as a message of this method" in text
    assert large[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert "takes at most 1048576" in large[1]
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_case_of_the_scheme_means_nothing(tmp_path: Path, scheme: str) -> None:
    with (
        process(tmp_path, FAIRLIFT_TOKEN=f"{TOKEN}\n") as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(RECORD)
        assert send(b"", timeout=30, metadata=(("authorization", f"{scheme} {TOKEN}"),)) == b""

"""fairlift-server token: on the database, beside servers of all kinds, and at the first start."""

import os
import re
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1 import assignment_service_pb2
from fairlift.v1.admin_service_pb2_grpc import AdminServiceStub

from tests.databases import changed, new_database
from tests.e2e.test_server_process import PATIENCE_S, SERVER, process
from tests.server.client import ID_KEY

ASSIGN = "/fairlift.v1.AssignmentService/AssignVariants"
BODY = assignment_service_pb2.AssignVariantsRequest(visitor_id="v").SerializeToString()
# The promise is a second; the rest is for a busy machine, where a call itself may wait.
SOON_S = 1.0


def command(
    folder: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*SERVER, *arguments],
        env={**os.environ, "FAIRLIFT_DATABASE": str(folder / "shop.db"), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def token(folder: Path, *arguments: str, **environment: str) -> str:
    done = command(folder, "token", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def call(address: str, secret: str = "") -> str:
    """The status of an assignment on a connection of its own: any worker may answer it."""
    metadata = (("authorization", f"Bearer {secret}"),) if secret else ()
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options) as channel:
        try:
            send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ASSIGN)
            send(BODY, timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            return cast("grpc.Call", error).code().name  # what a stub raises is a Call too
    return "OK"


def test_tokens_are_made_and_ended_beside_a_running_server(tmp_path: Path) -> None:
    with process(tmp_path) as (server, address):
        assert call(address) == "OK"
        locked_out = command(tmp_path, "token", "create", "--role", "reader", "--name", "x")
        admin = token(tmp_path, "create", "--role", "admin", "--name", "Ana", "--lifetime", "90d")
        time.sleep(SOON_S)
        closed = [call(address), call(address, admin)]
        second = token(tmp_path, "rotate", "tokens/ana", "--reason", "every quarter")
        time.sleep(SOON_S)
        both = [call(address, each) for each in (admin, second)]
        ended = token(tmp_path, "revoke", "ana")
        time.sleep(SOON_S)
        after = [call(address, each) for each in (admin, second)]
        listed = token(tmp_path, "list")
        # What was written beside it does not stop the server, nor its next start.
        server.terminate()
        assert server.wait(PATIENCE_S) == 0
    offline = token(tmp_path, "create", "--role", "storefront", "--name", "Shop")
    audit = command(tmp_path, "audit", "check")
    with process(tmp_path) as (_, address):
        again = [call(address, offline), call(address)]

    assert "make one of the role admin first" in locked_out.stderr
    assert closed == ["UNAUTHENTICATED", "OK"]
    assert both == ["OK", "OK"]
    assert ended == "tokens/ana is revoked"
    assert after == ["UNAUTHENTICATED"] * 2
    assert re.fullmatch(r"tokens/ana  admin, revoked \d{4}-\d\d-\d\d \d\d:\d\d", listed)
    assert again == ["OK", "UNAUTHENTICATED"]
    assert audit.stdout.startswith("the history holds: 4 entries")


def test_tokens_that_never_end_are_named_when_they_are_made_and_when_they_are_forgotten(
    tmp_path: Path,
) -> None:
    with process(tmp_path):
        pass  # it makes the database
    made = [
        command(tmp_path, "token", "create", "--role", "admin", "--name", name, *more).stderr
        for name, more in (("Ana", ()), ("Ben", ("--lifetime", "90d")), ("Cleo", ()))
    ]
    changed(str(tmp_path / "shop.db"), "UPDATE tokens SET created_us = 1 WHERE id <> 'cleo'")
    listed = command(tmp_path, "token", "list")
    used = "UPDATE tokens SET last_used_us = (SELECT created_us FROM tokens WHERE id = 'cleo')"
    changed(str(tmp_path / "shop.db"), used)
    none = command(tmp_path, "token", "list")

    assert "it does not end; --lifetime 365d makes one that does" in made[0]
    assert re.search(r"role admin; it ends \d{4}-\d\d-\d\d \d\d:\d\d; shown only now:", made[1])
    assert re.search(
        "^tokens/ana  admin, made 1970-.*, never ends, never used$", listed.stdout, re.M
    )
    assert listed.stderr == (
        "not used for 90 days, and never ending: tokens/ana; revoke what nobody needs\n"
    )
    assert none.stderr == ""


def test_a_revocation_reaches_all_servers_and_workers_within_a_second(tmp_path: Path) -> None:
    database: dict[str, Any] = {  # by name
        "FAIRLIFT_DATABASE": new_database(str(tmp_path)),
        "FAIRLIFT_ID_KEY": ID_KEY,
        "FAIRLIFT_TOKEN": "the-token-of-the-settings",
    }
    with ExitStack() as stack:
        _, two_workers = stack.enter_context(process(tmp_path, FAIRLIFT_WORKERS="2", **database))
        _, alone = stack.enter_context(process(tmp_path, **database))
        # One is made by a command, the other by a call to one of the servers.
        by_command = token(tmp_path, "create", "--role", "storefront", "--name", "a", **database)
        channel = stack.enter_context(grpc.insecure_channel(alone))
        admin = AdminServiceStub(channel)
        metadata = (("authorization", "Bearer the-token-of-the-settings"),)
        request = pb.CreateTokenRequest(display_name="b", role=pb.TOKEN_ROLE_STOREFRONT)
        by_call = admin.CreateToken(request, metadata=metadata).secret
        time.sleep(SOON_S)
        known = {
            call(address, secret)
            for address in (two_workers, two_workers, two_workers, alone)
            for secret in (by_command, by_call)
        }
        admin.RevokeToken(pb.RevokeTokenRequest(name="tokens/b"), metadata=metadata)
        token(tmp_path, "revoke", "tokens/a", **database)
        time.sleep(SOON_S)
        after = {
            call(address, secret)
            for address in (two_workers, two_workers, two_workers, alone)
            for secret in (by_command, by_call)
        }

    assert known == {"OK"}
    assert after == {"UNAUTHENTICATED"}


@pytest.mark.parametrize(("in_a_file", "workers"), [(True, 1), (False, 1), (False, 2)])
def test_the_first_start_gives_one_token_once(
    tmp_path: Path, in_a_file: bool, workers: int
) -> None:
    database = {"FAIRLIFT_DATABASE": str(tmp_path / "shop.db")}
    if workers > 1:
        database = {
            "FAIRLIFT_DATABASE": new_database(f"first-token {tmp_path}"),
            "FAIRLIFT_ID_KEY": ID_KEY,
            "FAIRLIFT_WORKERS": str(workers),
        }
    path = tmp_path / "first-token"
    given = {"FAIRLIFT_FIRST_TOKEN_FILE": str(path)} if in_a_file else {}
    # Not on loopback alone, so that it asks for tokens; nothing but this machine calls it.
    environment = {"FAIRLIFT_LISTEN": "0.0.0.0:0", "FAIRLIFT_ENVIRONMENT": "staging", **given}
    lines = []
    for start in range(2):
        with (
            (tmp_path / f"log-{start}").open("w") as log,
            subprocess.Popen(
                [*SERVER, "serve"],
                env={
                    **os.environ,
                    **database,
                    **environment,
                },
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            ) as server,
        ):
            assert server.stdout is not None
            try:
                line = server.stdout.readline()
                while not line.startswith("listening on "):
                    assert line, (tmp_path / f"log-{start}").read_text()
                    lines.append(line)
                    line = server.stdout.readline()
                address = f"127.0.0.1:{line.rpartition(':')[2].strip()}"
                first = path.read_text().strip() if in_a_file else lines[0].split()[-1]
                # Each call is a connection, which one of the workers takes.
                answers = {call(address) for _ in range(4 * workers)}
                known = {call(address, first) for _ in range(4 * workers)}
            finally:
                server.terminate()

        assert answers == {"UNAUTHENTICATED"}
        assert known == {"OK"}
        assert first not in (tmp_path / f"log-{start}").read_text()
    assert len(lines) == 1
    assert first.startswith("fairlift_staging_")
    assert (first in lines[0]) is not in_a_file
    assert not in_a_file or path.stat().st_mode & 0o077 == 0


def test_what_goes_wrong_is_one_sentence(tmp_path: Path) -> None:
    missing = command(tmp_path, "token", "list")
    new = ("create", "--role", "admin", "--name", "x")
    unmade = command(tmp_path, "token", *new)
    with process(tmp_path):
        pass
    token(tmp_path, *new)
    unknown = command(tmp_path, "token", "revoke", "tokens/y")
    odd = command(tmp_path, "token", *new, "--lifetime", "forever")
    setting = command(
        tmp_path, "token", "revoke", "tokens/FAIRLIFT_TOKEN", FAIRLIFT_TOKEN="a-token-of-a-shop"
    )

    for failed, says in (
        (missing, "there is no database at"),
        (unmade, "there is no database at"),
        (unknown, "there is no token tokens/y"),
        (setting, "is set in the environment of the server"),
    ):
        assert failed.returncode == 1
        assert says in failed.stderr
        assert "Traceback" not in failed.stderr
    assert odd.returncode == 2
    assert "must be such as 90d" in odd.stderr

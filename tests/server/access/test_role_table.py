"""Every role × every call that the server describes: a new call without a row fails here."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from fairlift_server.access.live_tokens import LiveTokens
from fairlift_server.access.roles import Role
from fairlift_server.api.admission import Admission
from fairlift_server.api.loop_turns import LoopTurns
from fairlift_server.api.permissions import ROLES
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2 as reflection
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.server.access.callers import ADMIN, bearer, status, tokens_of_all_roles
from tests.server.client import Caller, running

# As docs/operating.md promises it; written by hand, and compared with the documents below.
CALLS = {
    "evaluate": "AssignVariants",
    "relay": "AssignVariants RecordEvents StreamEvents",
    "storefront": "AssignVariants WatchSnapshot RecordEvents StreamEvents",
    "reader": "GetCampaign ListCampaigns PlanChange ListChanges GetHoldout GetResults ListReports "
    "ListLooks WatchResults GetHealth",
    "editor": "GetCampaign ListCampaigns PlanChange ListChanges GetHoldout GetResults ListReports "
    "ListLooks WatchResults GetHealth CreateCampaign UpdateCampaign BatchUpdateCampaigns "
    "StartCampaign PauseCampaign ResumeCampaign StopCampaign ArchiveCampaign",
}
OF_ADMINS = (
    "UpdateHoldout CreateToken ListTokens RotateToken RevokeToken GetSettings UpdateSettings "
    "ListAudit EraseUnit ExportUnit"
)
OPERATING = Path(__file__).parents[3] / "docs" / "operating.md"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Caller]:
    async with running(tmp_path, token=ADMIN) as caller:
        yield caller


async def described(channel: grpc.aio.Channel) -> list[str]:
    """The methods of all services that the server describes, such as /a.B/C."""
    stub: Any = ServerReflectionStub(cast("Any", channel))  # generated without types

    async def asked(**wanted: Any) -> reflection.ServerReflectionResponse:  # by name
        request = reflection.ServerReflectionRequest(**wanted)
        call = stub.ServerReflectionInfo(iter([request]), metadata=bearer(ADMIN))
        answer: reflection.ServerReflectionResponse = await call.read()
        return answer

    methods = []
    for service in (await asked(list_services="")).list_services_response.service:
        answer = await asked(file_containing_symbol=service.name)
        for encoded in answer.file_descriptor_response.file_descriptor_proto:
            file = FileDescriptorProto.FromString(encoded)
            methods += [
                f"/{file.package}.{each.name}/{method.name}"
                for each in file.service
                if f"{file.package}.{each.name}" == service.name
                for method in each.method
            ]
    return methods


async def test_every_role_may_call_what_the_table_says_and_nothing_else(guarded: Caller) -> None:
    methods = [each for each in await described(guarded.channel) if each.startswith("/fairlift.")]
    tokens = await tokens_of_all_roles(guarded)
    everything = {name for calls in (*CALLS.values(), OF_ADMINS) for name in calls.split()}
    assert {method.rpartition("/")[2] for method in methods} == everything

    for method in methods:
        name = method.rpartition("/")[2]
        for role, token in tokens.items():
            code, text = await status(guarded.channel, method, bearer(token))
            may = role == "admin" or name in CALLS[role].split()
            assert (code != "PERMISSION_DENIED") is may, f"{role} {name}: {code} {text}"
            assert code != "UNAUTHENTICATED"
            if not may:
                assert re.search(r"needs a token of the role (.* or )?admin", text)
                assert text.endswith(f"tokens/a-{role} has the role {role}")
                assert token not in text
        for metadata in ((), bearer("a-token-that-is-none")):
            code, text = await status(guarded.channel, method, metadata)
            assert code == "UNAUTHENTICATED"


async def test_the_server_has_a_row_for_all_that_it_serves(guarded: Caller) -> None:
    assert set(await described(guarded.channel)) == set(ROLES)


async def test_health_needs_no_token(guarded: Caller) -> None:
    assert await status(guarded.channel, "/grpc.health.v1.Health/Check", ()) == ("OK", "")


async def test_a_token_that_stands_in_every_page_describes_no_services(guarded: Caller) -> None:
    # The messages of a stream are received by gRPC, which keeps what has arrived of each.
    tokens = await tokens_of_all_roles(guarded)
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

    refused = {
        role
        for role, token in tokens.items()
        if (await status(guarded.channel, method, bearer(token)))[0] == "PERMISSION_DENIED"
    }

    assert refused == {"evaluate"}


def test_the_documents_have_the_same_table() -> None:
    rows = {}
    for line in OPERATING.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 1 + len(Role) and set(cells[1:]) <= {"yes", ""}:
            for name in re.findall(r"`(\w+)`", cells[0]):
                rows[name] = {role for role, cell in zip(Role, cells[1:], strict=True) if cell}

    served = {
        method.rpartition("/")[2]: set(roles)
        for method, roles in ROLES.items()
        if method.startswith("/fairlift.")
    }
    assert rows == served


def test_a_call_that_a_newer_library_adds_is_not_served_and_one_of_ours_needs_a_row() -> None:
    tokens = LiveTokens(environment="", setting="", is_open=True, now_us=lambda: 0)
    admission = Admission(tokens=tokens, turns=LoopTurns(), shortage=lambda _method: "")

    admission.add("/grpc.health.v1.Health/Newer", object())

    call: Any = SimpleNamespace(method="/grpc.health.v1.Health/Newer", invocation_metadata=())
    assert admission.service(call) is None  # UNIMPLEMENTED
    with pytest.raises(KeyError):
        admission.add("/fairlift.v1.EventService/Newer", object())

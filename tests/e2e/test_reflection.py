"""Reflection, as grpcurl and buf use it: a client that knows nothing of the contract."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.e2e.test_server_process import process

SERVICES = {
    "fairlift.v1.AdminService",
    "fairlift.v1.AssignmentService",
    "fairlift.v1.CampaignService",
    "fairlift.v1.EventService",
    "fairlift.v1.ResultsService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
}


def ask(
    channel: grpc.Channel, *requests: ServerReflectionRequest
) -> Iterator[ServerReflectionResponse]:
    stub = ServerReflectionStub(channel)
    return stub.ServerReflectionInfo(iter(requests))  # type: ignore[no-any-return, operator]  # the stub's methods have no types


def test_services_and_their_messages_are_described(tmp_path: Path) -> None:
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        described = ProtoReflectionDescriptorDatabase(channel)
        services = set(described.get_services())
        file = described.FindFileByName("fairlift/v1/event_service.proto")
        service = DescriptorPool(described).FindServiceByName("fairlift.v1.EventService")

    assert services >= SERVICES
    assert file.package == "fairlift.v1"
    assert {method.name for method in service.methods} == {"RecordEvents", "StreamEvents"}
    assert {field.name for field in service.methods_by_name["RecordEvents"].input_type.fields} == {
        "events",
        "sent_time",
    }


def test_questions_that_have_no_answer_are_answered_so(tmp_path: Path) -> None:
    requests = [
        ServerReflectionRequest(file_containing_symbol="fairlift.v1.Nothing"),
        ServerReflectionRequest(list_services=""),
    ]
    with process(tmp_path) as (_, address), grpc.insecure_channel(address) as channel:
        answers = list(ask(channel, *requests))

    assert answers[0].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert {found.name for found in answers[1].list_services_response.service} >= SERVICES


def test_it_is_behind_the_token_too(tmp_path: Path) -> None:
    with (
        process(tmp_path, FAIRLIFT_TOKEN="a-token-of-a-test") as (_, address),
        grpc.insecure_channel(address) as channel,
        pytest.raises(grpc.RpcError) as error,
    ):
        next(ask(channel, ServerReflectionRequest(list_services="")))

    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED

"""Tokens of all roles on one server, and what calls with them come to."""

from collections.abc import Mapping
from typing import Any

import grpc
from fairlift.v1 import admin_service_pb2 as pb

from tests.server.client import Caller

Metadata = tuple[tuple[str, str], ...]
ADMIN = "the-token-of-the-settings"
ROLES = ("evaluate", "relay", "storefront", "reader", "editor", "admin")


def bearer(token: str, **more: str) -> Metadata:
    others = ((f"fairlift-{name}", value) for name, value in more.items())
    return (("authorization", f"Bearer {token}"), *others)


async def made(
    caller: Caller, role: str, *, by: str = ADMIN, name: str = "", **fields: Any
) -> pb.CreateTokenResponse:
    request = pb.CreateTokenRequest(
        display_name=name or f"a {role}",
        role=pb.TokenRole.Value(f"TOKEN_ROLE_{role.upper()}"),
        **fields,
    )
    return await caller.admin.CreateToken(request, metadata=bearer(by))


async def tokens_of_all_roles(caller: Caller) -> Mapping[str, str]:
    return {role: (await made(caller, role)).secret for role in ROLES}


async def status(channel: grpc.aio.Channel, method: str, metadata: Metadata) -> tuple[str, str]:
    """The status and the text of a call of any kind, whose message is empty."""
    # With the message in the call's first batch: a write of its own to a call that was refused
    # meanwhile would be INTERNAL, by gRPC's client alone.
    send: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
    call = send(b"", metadata=metadata, timeout=10)
    try:
        await call.read()
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    finally:
        call.cancel()
    return "OK", ""

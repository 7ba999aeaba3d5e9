"""AdminService: part of the contract, not implemented yet."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

from fairlift.engine.errors import Unsupported
from fairlift.v1 import admin_service_pb2 as pb
from fairlift.v1.admin_service_pb2_grpc import AdminServiceServicer


class AdminApi(AdminServiceServicer):
    """Refuses each call with a sentence that says why."""

    # Any: no message is read.
    async def CreateToken(self, request: Any, context: Any) -> pb.CreateTokenResponse:
        """Not supported yet."""
        _refuse_tokens()

    async def ListTokens(self, request: Any, context: Any) -> pb.ListTokensResponse:
        """Not supported yet."""
        _refuse_tokens()

    async def RotateToken(self, request: Any, context: Any) -> pb.RotateTokenResponse:
        """Not supported yet."""
        _refuse_tokens()

    async def RevokeToken(self, request: Any, context: Any) -> pb.Token:
        """Not supported yet."""
        _refuse_tokens()

    async def GetSettings(self, request: Any, context: Any) -> pb.Settings:
        """Not supported yet."""
        _refuse_settings()

    async def UpdateSettings(self, request: Any, context: Any) -> pb.Settings:
        """Not supported yet."""
        _refuse_settings()

    async def ListAudit(self, request: Any, context: Any) -> pb.ListAuditResponse:
        """Not supported yet."""
        raise Unsupported("this server keeps the history of campaigns alone; use ListChanges")

    async def EraseUnit(self, request: Any, context: Any) -> pb.EraseUnitResponse:
        """Not supported yet."""
        raise Unsupported("this server does not erase units yet; nothing was erased")

    def ExportUnit(self, request: Any, context: Any) -> AsyncIterator[pb.ExportUnitResponse]:
        """Not supported yet."""
        raise Unsupported("this server does not export units yet")


def _refuse_tokens() -> NoReturn:
    raise Unsupported(
        "this server has one token, set by FAIRLIFT_TOKEN; it does not manage tokens yet"
    )


def _refuse_settings() -> NoReturn:
    raise Unsupported("this server takes its settings from its environment alone")
